import { truncate, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { UserError } from '@isthmus/tensor'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { openSafetensors } from '../src/index.ts'
import { parseSafetensorsHeader } from '../src/safetensors-header.ts'
import { safetensorsBytes } from './safetensors-bytes.ts'
import { temporaryFolder } from './temporary-folder.ts'

const f32 = (shape: unknown, begin: unknown, end: unknown) => ({ dtype: 'F32', shape, data_offsets: [begin, end] })

test.each<[string, Uint8Array, string]>([
  ['an empty file', new Uint8Array(0), 'FILE has 0 bytes, too few for a safetensors file: save or download'],
  [
    'a header longer than the file',
    safetensorsBytes('{}', 0, 90n),
    'FILE is truncated: its header should have 90 bytes, but only 2 follow its length; save or download',
  ],
  [
    'a header beyond the limit',
    safetensorsBytes('{}', 0, 100_000_001n),
    'its first 8 bytes give a header of 100000001 bytes, but at most 100000000 are allowed',
  ],
  [
    'a length with its highest bit set',
    safetensorsBytes('{}', 0, 2n ** 63n),
    'FILE is not a safetensors file: its first 8 bytes give a header of 9223372036854775808 bytes',
  ],
  ['no JSON', safetensorsBytes('{"a": ', 0), 'the header of FILE is not JSON ('],
  ['no UTF-8', safetensorsBytes('', 2, 2n).fill(0xff, 8), 'the header of FILE is not JSON ('],
  ['no object', safetensorsBytes('[1, 2]', 0), 'the header of FILE must be a JSON object, but is [1,2]; save'],
  [
    'a name twice',
    safetensorsBytes(`{"w": ${JSON.stringify(f32([1], 0, 4))}, "w": ${JSON.stringify(f32([1], 0, 4))}}`, 4),
    "the header of FILE gives the name 'w' twice, so that it is not clear which is meant",
  ],
  [
    'metadata of other than strings',
    safetensorsBytes({ __metadata__: { epoch: 3 } }, 0),
    "__metadata__ of FILE must hold strings, but 'epoch' is 3",
  ],
  [
    'metadata that are a list',
    safetensorsBytes({ __metadata__: ['pt'] }, 0),
    '__metadata__ of FILE must be an object of strings, but is ["pt"]',
  ],
  [
    'a tensor that is no object',
    safetensorsBytes({ w: null }, 0),
    "tensor 'w' of FILE must be described by an object with dtype, shape and data_offsets, but is null",
  ],
  [
    'an unknown dtype',
    safetensorsBytes({ w: { dtype: 'F8_E4M3', shape: [4], data_offsets: [0, 4] } }, 4),
    'tensor \'w\' of FILE has the dtype "F8_E4M3", which is none of F64, F32, F16, BF16, I64, I32,',
  ],
  [
    'a dtype named like a method of objects',
    safetensorsBytes({ w: { dtype: 'toString', shape: [4], data_offsets: [0, 4] } }, 4),
    'has the dtype "toString", which is none of',
  ],
  [
    'a negative size',
    safetensorsBytes({ w: f32([-2, -2], 0, 16) }, 16),
    "tensor 'w' of FILE has the shape [-2,-2], but a list of integers from 0 up is expected",
  ],
  [
    'a broken size',
    safetensorsBytes({ w: f32([1.5], 0, 6) }, 6),
    "tensor 'w' of FILE has the shape [1.5], but a list of integers",
  ],
  ['no shape', safetensorsBytes({ w: f32(undefined, 0, 6) }, 6), "tensor 'w' of FILE has the shape missing, but"],
  [
    'a size against the dtype and shape',
    safetensorsBytes({ w: f32([2, 3], 0, 20) }, 20),
    "tensor 'w' of FILE has the dtype F32 and the shape [2, 3], which take 24 bytes, but its data_offsets [0, 20] hold 20",
  ],
  [
    'a shape whose size overflows',
    safetensorsBytes({ w: f32([2 ** 40, 2 ** 40], 0, 0) }, 0),
    'which take 4.835703278458517e+24 bytes, but its data_offsets [0, 0] hold 0',
  ],
  [
    'offsets in the wrong order',
    safetensorsBytes({ w: f32([1], 4, 0) }, 4),
    "tensor 'w' of FILE has the data_offsets [4,0], but [begin, end] with 0 ≤ begin ≤ end is expected",
  ],
  [
    'an offset beyond integers',
    safetensorsBytes({ w: f32([1], 2 ** 60, 2 ** 60 + 4) }, 4),
    "tensor 'w' of FILE has the data_offsets [",
  ],
  [
    'truncated data',
    safetensorsBytes({ w: f32([4], 0, 16) }, 9),
    "tensor 'w' of FILE ends at byte 16 of the data, but the file has only 9: it is truncated",
  ],
  [
    'an overlap',
    safetensorsBytes({ a: f32([2], 0, 8), b: f32([2], 4, 12) }, 12),
    "tensor 'b' of FILE begins at byte 4 of the data, but tensor 'a' ends at 8: the two overlap",
  ],
  [
    'a gap',
    safetensorsBytes({ a: f32([1], 0, 4), b: f32([1], 8, 12) }, 12),
    "tensor 'b' of FILE begins at byte 8 of the data, but tensor 'a' ends at 4: the two leave a gap",
  ],
  [
    'a gap before the first',
    safetensorsBytes({ a: f32([1], 4, 8) }, 8),
    "tensor 'a' of FILE begins at byte 4 of the data, but the header ends at 0: the two leave a gap",
  ],
  [
    'trailing bytes',
    safetensorsBytes({ w: f32([1], 0, 4) }, 7),
    "FILE has 3 bytes behind tensor 'w' that belong to no tensor:",
  ],
])('%s is refused', async (_, bytes, sentence) => {
  const path = join(await temporaryFolder(), 'model.safetensors')
  await writeFile(path, bytes)
  const error = await openSafetensors(path).then(
    () => expect.fail('the file was opened'),
    (reason: unknown) => reason,
  )
  expect(error).toBeInstanceOf(UserError)
  expect((error as Error).message.replaceAll(path, 'FILE')).toContain(sentence)
})

test('a missing file and a folder are refused', async () => {
  const folder = await temporaryFolder()
  await expect(openSafetensors(join(folder, 'none'))).rejects.toThrow(
    `cannot read ${join(folder, 'none')}: there is no such file; check the path and its permissions`,
  )
  await expect(openSafetensors(folder)).rejects.toThrow(`cannot read ${folder}: it is not a file; give the path`)
})

test('names that objects inherit, and tensors without elements, are tensors like others', async () => {
  const header = `{"__proto__": ${JSON.stringify(f32([0, 3], 0, 0))}, "7": ${JSON.stringify(f32([], 0, 4))}}   `
  const bytes = safetensorsBytes(header, 4)
  const { tensors } = parseSafetensorsHeader(bytes.subarray(8, -4), 'FILE', bytes.length)
  expect([...tensors.keys()].sort()).toEqual(['7', '__proto__'])
})

test('opening reads the header alone, and a tensor its own bytes: 8 GiB of holes are no burden', async () => {
  const path = join(await temporaryFolder(), 'large.safetensors')
  const size = 2 ** 33
  const bytes = safetensorsBytes(
    { hole: { dtype: 'U8', shape: [size], data_offsets: [0, size] }, last: f32([2], size, size + 8) },
    0,
  )
  await writeFile(path, bytes)
  await truncate(path, bytes.length + size + 8)
  await using file = await openSafetensors(path)
  expect(await file.read('last')).toEqual({ shape: [2], data: Float32Array.of(0, 0) })
})

const valid = safetensorsBytes(
  { __metadata__: { format: 'pt' }, a: f32([2, 2], 0, 16), b: { dtype: 'BF16', shape: [3], data_offsets: [16, 22] } },
  22,
)

/** One edit of a file: bytes overwritten, a stretch cut out, or bytes put in. */
const edit = fc.record({
  at: fc.nat({ max: valid.length }),
  remove: fc.nat({ max: 20 }),
  insert: fc.oneof(
    fc.uint8Array({ maxLength: 8 }),
    fc.string().map((text) => new Uint8Array(Buffer.from(text))),
  ),
})

test('a damaged file gives its tensors or a sentence, nothing else', async () => {
  const path = join(await temporaryFolder(), 'damaged.safetensors')
  let refused = 0
  await fc.assert(
    fc.asyncProperty(fc.array(edit, { minLength: 1, maxLength: 3 }), async (edits) => {
      const bytes = edits.reduce<Uint8Array>(
        (before, { at, remove, insert }) =>
          Buffer.concat([before.subarray(0, at), insert, before.subarray(at + remove)]),
        valid,
      )
      await writeFile(path, bytes)
      try {
        await using file = await openSafetensors(path)
        for (const [name, { byteLength }] of file.tensors) {
          expect((await file.readRaw(name)).data.byteLength).toBe(byteLength)
        }
      } catch (error) {
        if (!(error instanceof UserError)) throw error
        refused += 1
      }
    }),
    { numRuns: 500 },
  )
  expect(refused).toBeGreaterThan(100)
})

test('a header of any values is refused, or its tensors fill the file exactly', () => {
  const size = fc.oneof(fc.nat({ max: 12 }), fc.constantFrom(-1, 0.5, 1e300, 2 ** 53, null, '4'))
  const entry = fc.record(
    {
      dtype: fc.oneof(fc.constantFrom('F32', 'U8', 'BF16', 'F4', 7), fc.string()),
      shape: fc.oneof(
        { weight: 5, arbitrary: fc.array(size, { maxLength: 3 }) },
        { weight: 1, arbitrary: fc.jsonValue() },
      ),
      data_offsets: fc.oneof(
        { weight: 5, arbitrary: fc.array(size, { minLength: 2, maxLength: 2 }) },
        { weight: 1, arbitrary: fc.jsonValue() },
      ),
    },
    { noNullPrototype: true, requiredKeys: [] },
  )
  const bytesOf = fc.nat({ max: 4 }).map((n) => ({ dtype: 'U8', shape: [n], data_offsets: [0, n] }))
  let accepted = 0
  fc.assert(
    fc.property(
      fc.dictionary(fc.string(), fc.oneof(entry, bytesOf, fc.jsonValue()), { maxKeys: 3 }),
      fc.nat({ max: 4 }),
      (header, dataBytes) => {
        const json = Buffer.from(JSON.stringify(header))
        try {
          const { tensors } = parseSafetensorsHeader(json, 'FILE', 8 + json.length + dataBytes)
          const filled = [...tensors.values()].reduce((sum, { byteLength }) => sum + byteLength, 0)
          expect(filled).toBe(dataBytes)
          accepted += 1
        } catch (error) {
          if (!(error instanceof UserError)) throw error
        }
      },
    ),
    { numRuns: 2000 },
  )
  expect(accepted).toBeGreaterThan(10)
})
