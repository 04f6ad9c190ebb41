import { execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { bytesPerElement, type DType, dtypeArrays, elementCount } from '@isthmus/tensor'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { openSafetensors, type TensorToWrite, writeSafetensors } from '../src/index.ts'
import { temporaryFolder } from './temporary-folder.ts'

const fixture = (name: string) => join(import.meta.dirname, 'fixtures', name, 'model.safetensors')

/** A tensor of any dtype and shape, with any bits. */
const anyTensor = fc
  .record({
    name: fc.string({ unit: 'grapheme' }).filter((name) => name !== '__metadata__'),
    dtype: fc.constantFrom(...(Object.keys(dtypeArrays) as DType[])),
    shape: fc.array(fc.nat({ max: 4 }), { maxLength: 3 }),
  })
  .chain(({ name, dtype, shape }) => {
    const length = elementCount(shape) * bytesPerElement(dtype)
    return fc
      .uint8Array({ minLength: length, maxLength: length })
      .map((bytes) => ({ name, dtype, shape, data: new dtypeArrays[dtype](Uint8Array.from(bytes).buffer) }))
  })

const bits = (data: ArrayBufferView) => [...new Uint8Array(data.buffer, data.byteOffset, data.byteLength)]

test('tensors of every dtype come back to the bit, with their shapes and the metadata', async () => {
  const path = join(await temporaryFolder(), 'any.safetensors')
  await fc.assert(
    fc.asyncProperty(
      fc.uniqueArray(anyTensor, { selector: ({ name }) => name, maxLength: 6 }),
      fc.dictionary(fc.string({ unit: 'grapheme', minLength: 1 }), fc.string({ unit: 'grapheme' }), { maxKeys: 3 }),
      async (tensors, metadata) => {
        await writeSafetensors(path, tensors, metadata)
        await using file = await openSafetensors(path)
        expect({ ...file.metadata }).toEqual({ ...metadata })
        expect(file.tensors.size).toBe(tensors.length)
        for (const { name, dtype, shape, data } of tensors) {
          const stored = await file.readRaw(name)
          expect([stored.dtype, stored.shape, bits(stored.data)]).toEqual([dtype, shape, bits(data)])
          expect(file.info(name).byteOffset % bytesPerElement(dtype)).toBe(0)
        }
      },
    ),
  )
})

test('the bytes do not depend on the order of the tensors, nor on how their data arrive', async () => {
  const folder = await temporaryFolder()
  const [straight, shuffled] = [join(folder, 'a'), join(folder, 'b')]
  const lists = fc
    .uniqueArray(anyTensor, { selector: ({ name }) => name, maxLength: 6 })
    .chain((tensors) => fc.tuple(fc.constant(tensors), fc.shuffledSubarray(tensors, { minLength: tensors.length })))
  await fc.assert(
    fc.asyncProperty(lists, async ([tensors, otherOrder]) => {
      await writeSafetensors(straight, tensors, { b: '2', a: '1' })
      async function* lazily(): AsyncGenerator<TensorToWrite> {
        for (const tensor of otherOrder) yield { ...tensor, data: async () => tensor.data }
      }
      await writeSafetensors(shuffled, lazily(), { a: '1', b: '2' })
      expect(await readFile(shuffled)).toEqual(await readFile(straight))
    }),
    { numRuns: 50 },
  )
})

test.each(['bert-mlm', 'bert-mlm-float16', 'bert-mlm-bfloat16'])(
  '%s, read as f32 and written as it was stored, gives the bytes that PyTorch saved',
  async (name) => {
    const path = join(await temporaryFolder(), 'again.safetensors')
    await using file = await openSafetensors(fixture(name))
    const tensors = [...file.tensors].map(([tensor, { dtype, shape }]) => ({
      name: tensor,
      dtype,
      shape,
      data: async () => (await file.read(tensor)).data,
    }))
    await writeSafetensors(path, tensors, file.metadata)
    expect((await readFile(path)).equals(await readFile(fixture(name)))).toBe(true)
  },
)

test('data are asked for one at a time, in the order of the file', async () => {
  const path = join(await temporaryFolder(), 'lazy.safetensors')
  const asked: string[] = []
  let waiting = 0
  const lazy = (name: string, dtype: DType): TensorToWrite => ({
    name,
    dtype,
    shape: [2],
    data: async () => {
      asked.push(name)
      waiting += 1
      await new Promise((resolve) => setImmediate(resolve))
      expect(waiting).toBe(1)
      waiting -= 1
      return new dtypeArrays[dtype](2)
    },
  })
  await writeSafetensors(path, [lazy('c', 'U8'), lazy('b', 'F32'), lazy('a', 'F32')])
  expect(asked).toEqual(['a', 'b', 'c'])
})

const values = Float32Array.of(1, 2)

test.each<[string, TensorToWrite[], string]>([
  [
    'a name twice',
    [
      { name: 'w', dtype: 'F32', shape: [2], data: values },
      { name: 'w', dtype: 'F16', shape: [2], data: values },
    ],
    "cannot write the tensor 'w' to FILE: two tensors have this name; rename one",
  ],
  [
    'the name of the metadata',
    [{ name: '__metadata__', dtype: 'F32', shape: [2], data: values }],
    "cannot write the tensor '__metadata__' to FILE: the format keeps this name for itself; rename one",
  ],
  [
    'another length than the shape',
    [{ name: 'w', dtype: 'F16', shape: [3], data: async () => values }],
    "cannot write the tensor 'w' to FILE: F16 of shape [3] needs 3 values (Float32Array or Uint16Array), but 2 (Float32Array) were given",
  ],
  [
    'an array of another type',
    [{ name: 'w', dtype: 'I32', shape: [2], data: values }],
    'I32 of shape [2] needs 2 values (Int32Array), but 2 (Float32Array) were given',
  ],
])('%s is refused, and leaves the old file and nothing else', async (_, tensors, sentence) => {
  const folder = await temporaryFolder()
  const path = join(folder, 'model.safetensors')
  await writeFile(path, 'old')
  const error: Error = await writeSafetensors(path, tensors).then(
    () => expect.fail('the file was written'),
    (reason) => reason,
  )
  expect(error.message.replaceAll(path, 'FILE')).toContain(sentence)
  expect(await readdir(folder)).toEqual(['model.safetensors'])
  expect(await readFile(path, 'utf8')).toBe('old')
})

test('an error of the data passes through, and nothing is left behind', async () => {
  const folder = await temporaryFolder()
  const failing = async (): Promise<Float32Array> => {
    throw new RangeError('no such layer')
  }
  const tensors = [{ name: 'w', dtype: 'F32' as const, shape: [2], data: failing }]
  await expect(writeSafetensors(join(folder, 'm'), tensors)).rejects.toThrow(new RangeError('no such layer'))
  expect(await readdir(folder)).toEqual([])
})

test('a folder that does not exist is named', async () => {
  const folder = join(await temporaryFolder(), 'none')
  await expect(writeSafetensors(join(folder, 'm.safetensors'), [])).rejects.toThrow(
    `cannot write ${join(folder, 'm.safetensors')}: the folder ${folder} does not exist; create it first`,
  )
})

test('a writer that is killed leaves the old file whole', async () => {
  const path = join(await temporaryFolder(), 'model.safetensors')
  await writeSafetensors(path, [{ name: 'w', dtype: 'F32', shape: [2], data: values }])
  const before = await readFile(path)
  const program = `
    import { writeSafetensors } from ${JSON.stringify(join(import.meta.dirname, '../src/index.ts'))}
    setInterval(() => {}, 1000)
    const half = { name: 'a', dtype: 'F32', shape: [1000], data: new Float32Array(1000) }
    const stuck = { name: 'b', dtype: 'F32', shape: [1], data: () => { console.log('stuck'); return new Promise(() => {}) } }
    writeSafetensors(process.argv[1], [half, stuck])`
  const writer = spawn(process.execPath, ['--import', 'tsx', '--input-type=module', '-e', program, path], {
    cwd: import.meta.dirname,
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  await once(writer.stdout, 'data')
  writer.kill('SIGKILL')
  await once(writer, 'exit')
  expect((await readFile(path)).equals(before)).toBe(true)
})

const mayMount = process.platform === 'linux' && process.getuid?.() === 0

/** Only the superuser can mount a file system small enough to fill. */
test.skipIf(!mayMount)('a full disk is told in a sentence, and nothing is left behind', async ({ skip }) => {
  const disk = join(await temporaryFolder(), 'disk')
  await mkdir(disk)
  const execute = promisify(execFile)
  const mounted = await execute('mount', ['-t', 'tmpfs', '-o', 'size=64k', 'tmpfs', disk]).then(
    () => true,
    () => false,
  )
  skip(!mounted, 'this superuser may not mount a file system to fill')
  try {
    const path = join(disk, 'model.safetensors')
    const tensors = [{ name: 'w', dtype: 'F32' as const, shape: [100_000], data: new Float32Array(100_000) }]
    await expect(writeSafetensors(path, tensors)).rejects.toThrow(
      `cannot write ${path}: no space is left on the disk; free some, or choose another folder`,
    )
    expect(await readdir(disk)).toEqual([])
  } finally {
    await execute('umount', [disk])
  }
})
