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
import { type MergedModel, type ParameterReader, saveMerged } from '../src/index.ts'
import { saveSmallBert, smallConfig } from './small-bert.ts'
import { temporaryFolder } from './temporary-folder.ts'

async function open(directory: string): Promise<Checkpoint> {
  const checkpoint = await Checkpoint.open(directory)
  onTestFinished(() => checkpoint.close())
  return checkpoint
}

/** Two random models, and what is needed to merge them as they are. */
async function pair(): Promise<MergedModel> {
  const folder = await temporaryFolder()
  await saveSmallBert(join(folder, 'a'), smallConfig, 1)
  await saveSmallBert(join(folder, 'b'), smallConfig, 2)
  const [a, b] = [await open(join(folder, 'a')), await open(join(folder, 'b'))]
  return { a, b, aligned: (name) => b.read(name), lambda: 0.25, files: {}, overwrite: false }
}

describe('saveMerged', () => {
  it('writes a folder that opens, with A’s config and the average of every tensor', async () => {
    const merged = await pair()
    const directory = join(await temporaryFolder(), 'merged')
    const progress: string[] = []
    const onTensor = (done: number, total: number) => progress.push(`${done}/${total}`)
    await saveMerged(directory, { ...merged, files: { 'README.md': { content: '# Merged\n' } }, onTensor })
    const checkpoint = await open(directory)
    expect(checkpoint.config).toEqual(smallConfig)
    expect([...checkpoint.tensors.keys()].sort()).toEqual([...merged.a.tensors.keys()].sort())
    for (const name of checkpoint.tensors.keys()) {
      const [a, b] = [await merged.a.read(name), await merged.b.read(name)]
      const average = a.data.map((value, i) => 0.25 * value + 0.75 * b.data[i]!)
      expect(await checkpoint.read(name), name).toEqual({ shape: a.shape, data: average })
    }
    const total = merged.a.tensors.size
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
    await saveMerged(directory, { a, b, aligned, lambda: 0.5, files: {}, overwrite: false })
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
    await saveMerged(directory, { a, b, aligned: (name) => b.read(name), lambda: 0.75, files: {}, overwrite: false })
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
    const merged = await pair()
    const folder = await temporaryFolder()
    await saveSmallBert(join(folder, 'shallow'), { ...smallConfig, num_hidden_layers: 1 }, 1)
    const shallow = await open(join(folder, 'shallow'))
    const sentence = (one: string, other: string) =>
      `: it is [6] in ${one}, and missing in ${other}; both must hold the same tensors`
    for (const models of [
      { ...merged, b: shallow },
      { ...merged, a: shallow },
    ]) {
      const attempt = saveMerged(join(folder, 'merged'), models)
      await expect(attempt).rejects.toThrow(ShapeError)
      await expect(attempt).rejects.toThrow(/^cannot merge bert\.encoder\.layer\.1\.\S+:/)
      await expect(attempt).rejects.toThrow(
        sentence(merged.a === models.a ? merged.a.name : merged.b.name, shallow.name),
      )
    }
    expect(await readdir(folder)).toEqual(['shallow'])
  })

  it('names a tensor of another shape', async () => {
    const merged = await pair()
    const folder = await temporaryFolder()
    await saveSmallBert(join(folder, 'wide'), { ...smallConfig, vocab_size: 12 }, 1)
    const wide = await open(join(folder, 'wide'))
    await expect(saveMerged(join(folder, 'merged'), { ...merged, b: wide })).rejects.toThrow(
      new ShapeError(
        `cannot merge bert.embeddings.word_embeddings.weight: it is [11, 6] in ${merged.a.name}, and [12, 6] in ` +
          `${wide.name}; both must hold the same tensors`,
      ),
    )
  })

  it('replaces a folder only when asked', async () => {
    const merged = await pair()
    const directory = join(await temporaryFolder(), 'merged')
    await saveMerged(directory, merged)
    const before = await readFile(join(directory, 'model.safetensors'))
    await expect(saveMerged(directory, { ...merged, lambda: 1 })).rejects.toThrow(
      new CheckpointError(`${directory} holds a checkpoint already: choose another folder, or set overwrite`),
    )
    expect((await readFile(join(directory, 'model.safetensors'))).equals(before)).toBe(true)
    await saveMerged(directory, { ...merged, lambda: 1, overwrite: true })
    expect((await readFile(join(directory, 'model.safetensors'))).equals(before)).toBe(false)
  })

  it('refuses a λ outside of [0, 1]', async () => {
    const merged = await pair()
    const directory = join(await temporaryFolder(), 'merged')
    await expect(saveMerged(directory, { ...merged, lambda: 2 })).rejects.toThrow(
      new UserError('λ must be between 0 (model B) and 1 (model A), found 2'),
    )
  })
})
