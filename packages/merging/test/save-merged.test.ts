import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { Checkpoint, CheckpointError, saveCheckpoint } from '@isthmus/checkpoint'
import {
  type DType,
  decodeBfloat16,
  decodeFloat16,
  encodeBfloat16,
  encodeFloat16,
  ShapeError,
  UserError,
} from '@isthmus/tensor'
import { describe, expect, it, onTestFinished } from 'vitest'
import { type MergedModel, type ParameterReader, saveMerged, type WeightedModel } from '../src/index.ts'
import { saveSmallBert, smallConfig } from './small-bert.ts'
import { temporaryFolder } from './temporary-folder.ts'

async function open(directory: string): Promise<Checkpoint> {
  const checkpoint = await Checkpoint.open(directory)
  onTestFinished(() => checkpoint.close())
  return checkpoint
}

function weighted(checkpoint: Checkpoint, weight: number, read?: ParameterReader): WeightedModel {
  return { checkpoint, read: read ?? ((name) => checkpoint.read(name)), weight }
}

/** λ A + (1 − λ) B. */
function interpolated(a: Checkpoint, b: Checkpoint, lambda: number, aligned?: ParameterReader): MergedModel {
  return { models: [weighted(a, lambda), weighted(b, 1 - lambda, aligned)], files: {}, overwrite: false }
}

/** Two random models. */
async function pair(): Promise<{ a: Checkpoint; b: Checkpoint }> {
  const folder = await temporaryFolder()
  await saveSmallBert(join(folder, 'a'), smallConfig, 1)
  await saveSmallBert(join(folder, 'b'), smallConfig, 2)
  return { a: await open(join(folder, 'a')), b: await open(join(folder, 'b')) }
}

describe('saveMerged', () => {
  it('writes a folder that opens, with A’s config and the average of every tensor', async () => {
    const models = await pair()
    const merged = interpolated(models.a, models.b, 0.25)
    const directory = join(await temporaryFolder(), 'merged')
    const progress: string[] = []
    const onTensor = (done: number, total: number) => progress.push(`${done}/${total}`)
    await saveMerged(directory, { ...merged, files: { 'README.md': { content: '# Merged\n' } }, onTensor })
    const checkpoint = await open(directory)
    expect(checkpoint.config).toEqual(smallConfig)
    expect([...checkpoint.tensors.keys()].sort()).toEqual([...models.a.tensors.keys()].sort())
    for (const name of checkpoint.tensors.keys()) {
      const [a, b] = [await models.a.read(name), await models.b.read(name)]
      const average = a.data.map((value, i) => 0.25 * value + 0.75 * b.data[i]!)
      expect(await checkpoint.read(name), name).toEqual({ shape: a.shape, data: average })
    }
    const total = models.a.tensors.size
    expect(progress).toEqual(Array.from({ length: total }, (_, i) => `${i + 1}/${total}`))
    expect(await readFile(join(directory, 'README.md'), 'utf8')).toBe('# Merged\n')
  })

  it.each([
    ['float16', 'F16', (x: Float32Array) => decodeFloat16(encodeFloat16(x))],
    ['bfloat16', 'BF16', (x: Float32Array) => decodeBfloat16(encodeBfloat16(x))],
  ] as const)('keeps the stored type of A: %s', async (suffix, dtype, rounded) => {
    const fixture = (name: string) => fileURLToPath(new URL(`../../checkpoint/test/fixtures/${name}`, import.meta.url))
    const [a, b] = [await open(fixture(`bert-mlm-${suffix}`)), await open(fixture('bert-mlm'))]
    const aligned: ParameterReader = async (name) => {
      const { shape, data } = await b.read(name)
      return { shape, data: data.map((value) => 3 - value) }
    }
    const directory = join(await temporaryFolder(), 'merged')
    await saveMerged(directory, interpolated(a, b, 0.5, aligned))
    const checkpoint = await open(directory)
    for (const [name, info] of checkpoint.tensors) {
      expect(info.dtype, name).toBe(dtype)
      const [left, right] = [await a.read(name), await aligned(name)]
      const average = left.data.map((value, i) => 0.5 * value + 0.5 * right.data[i]!)
      expect((await checkpoint.read(name)).data, name).toEqual(rounded(average))
    }
  })

  it('averages F64, and takes integers and truth values from A', async () => {
    const folder = await temporaryFolder()
    const save = (name: string, sign: number) =>
      saveCheckpoint(join(folder, name), {
        config: smallConfig,
        tensors: [
          { name: 'scale', dtype: 'F64', shape: [2], data: Float64Array.of(sign, 2) },
          { name: 'position_ids', dtype: 'I64', shape: [1, 3], data: BigInt64Array.of(BigInt(sign), 1n, 2n) },
          { name: 'mask', dtype: 'BOOL', shape: [2], data: Uint8Array.of(1, sign > 0 ? 1 : 0) },
        ],
      })
    await save('a', 1)
    await save('b', -1)
    const [a, b] = [await open(join(folder, 'a')), await open(join(folder, 'b'))]
    const directory = join(folder, 'merged')
    await saveMerged(directory, interpolated(a, b, 0.75))
    const checkpoint = await open(directory)
    const stored = async (name: string): Promise<[DType, unknown[]]> => {
      const { dtype, data } = await checkpoint.readRaw(name)
      return [dtype, [...data]]
    }
    expect(await stored('scale')).toEqual(['F64', [0.5, 2]])
    expect(await stored('position_ids')).toEqual(['I64', [1n, 1n, 2n]])
    expect(await stored('mask')).toEqual(['BOOL', [1, 1]])
  })

  it('names a tensor that only one of the two has, and writes nothing', async () => {
    const { a, b } = await pair()
    const folder = await temporaryFolder()
    await saveSmallBert(join(folder, 'shallow'), { ...smallConfig, num_hidden_layers: 1 }, 1)
    const shallow = await open(join(folder, 'shallow'))
    const sentence = (one: string, other: string) =>
      `: it is [6] in ${one}, and missing in ${other}; both must hold the same tensors`
    for (const [first, second] of [
      [a, shallow],
      [shallow, b],
    ] as const) {
      const attempt = saveMerged(join(folder, 'merged'), interpolated(first, second, 0.5))
      await expect(attempt).rejects.toThrow(ShapeError)
      await expect(attempt).rejects.toThrow(/^cannot merge bert\.encoder\.layer\.1\.\S+:/)
      await expect(attempt).rejects.toThrow(sentence(first === a ? a.name : b.name, shallow.name))
    }
    expect(await readdir(folder)).toEqual(['shallow'])
  })

  it('names a tensor of another shape', async () => {
    const { a } = await pair()
    const folder = await temporaryFolder()
    await saveSmallBert(join(folder, 'wide'), { ...smallConfig, vocab_size: 12 }, 1)
    const wide = await open(join(folder, 'wide'))
    await expect(saveMerged(join(folder, 'merged'), interpolated(a, wide, 0.5))).rejects.toThrow(
      new ShapeError(
        `cannot merge bert.embeddings.word_embeddings.weight: it is [11, 6] in ${a.name}, and [12, 6] in ` +
          `${wide.name}; both must hold the same tensors`,
      ),
    )
  })

  it('averages several models by their weights, and writes one by itself to the bit', async () => {
    const { a, b } = await pair()
    const folder = await temporaryFolder()
    await saveSmallBert(join(folder, 'c'), smallConfig, 3)
    const c = await open(join(folder, 'c'))
    const rest = { files: {}, overwrite: false }
    await saveMerged(join(folder, 'three'), {
      models: [weighted(a, 0.5), weighted(b, 0.25), weighted(c, 0.25)],
      ...rest,
    })
    await saveMerged(join(folder, 'one'), { models: [weighted(b, 1)], ...rest })
    const [three, one] = [await open(join(folder, 'three')), await open(join(folder, 'one'))]
    for (const name of a.tensors.keys()) {
      const [x, y, z] = [await a.read(name), await b.read(name), await c.read(name)]
      const mean = x.data.map((value, i) => 0.5 * value + 0.25 * y.data[i]! + 0.25 * z.data[i]!)
      expect((await three.read(name)).data, name).toEqual(mean)
      expect(await one.read(name), name).toEqual(y)
    }
  })

  it('replaces a folder only when asked', async () => {
    const { a, b } = await pair()
    const directory = join(await temporaryFolder(), 'merged')
    await saveMerged(directory, interpolated(a, b, 0.25))
    const before = await readFile(join(directory, 'model.safetensors'))
    await expect(saveMerged(directory, interpolated(a, b, 1))).rejects.toThrow(
      new CheckpointError(`${directory} holds a checkpoint already: choose another folder, or set overwrite`),
    )
    expect((await readFile(join(directory, 'model.safetensors'))).equals(before)).toBe(true)
    await saveMerged(directory, { ...interpolated(a, b, 1), overwrite: true })
    expect((await readFile(join(directory, 'model.safetensors'))).equals(before)).toBe(false)
  })

  it.each([
    [[2, -1], '2 + -1 = 1'],
    [[0.5, 0.4], '0.5 + 0.4 = 0.9'],
    [[Number.NaN, 1], 'NaN + 1 = NaN'],
  ])('refuses weights %j', async ([first, second], sum) => {
    const { a, b } = await pair()
    const models = [weighted(a, first!), weighted(b, second!)] as const
    await expect(
      saveMerged(join(await temporaryFolder(), 'merged'), { models: [...models], files: {}, overwrite: false }),
    ).rejects.toThrow(
      new UserError(`the weights of a merge must be at least 0 and sum to 1, but ${sum}: give one a model`),
    )
  })
})
