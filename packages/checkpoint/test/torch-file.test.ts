import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { bytesPerElement, type DType, dtypeArrays, elementCount } from '@isthmus/tensor'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { Checkpoint } from '../src/index.ts'
import { legacyBytes } from './legacy-bytes.ts'
import { dict, global, int, orderedDict, pickle, storage, tensor, text, tuple } from './pickle-text.ts'
import { temporaryFolder } from './temporary-folder.ts'
import { torchZip } from './zip-bytes.ts'

const fixture = (name: string) => join(import.meta.dirname, 'fixtures', name)
const bytesOf = (values: ArrayBufferView) => new Uint8Array(values.buffer, values.byteOffset, values.byteLength)
const bits = (data: ArrayBufferView) => [...bytesOf(data)]

/** Put the bytes into a folder as its `pytorch_model.bin`, and open it. */
async function opened(bytes: Uint8Array, folder?: string): Promise<Checkpoint> {
  const into = folder ?? (await temporaryFolder())
  await writeFile(join(into, 'config.json'), '{"model_type": "other"}')
  await writeFile(join(into, 'pytorch_model.bin'), bytes)
  return Checkpoint.open(into)
}

test.each(['bert-mlm-bin', 'bert-mlm-bin-legacy', 'bert-mlm-gamma-beta'])(
  '%s, which PyTorch saved, holds the tensors of the safetensors file, to the bit',
  async (name) => {
    await using expected = await Checkpoint.open(fixture('bert-mlm'))
    await using found = await Checkpoint.open(fixture(name))
    expect([...found.tensors.keys()].sort()).toEqual([...expected.tensors.keys()].sort())
    for (const tensor of expected.tensors.keys()) expect(await found.read(tensor)).toEqual(await expected.read(tensor))
  },
)

const torchTypes: Readonly<Record<string, DType>> = {
  DoubleStorage: 'F64',
  FloatStorage: 'F32',
  HalfStorage: 'F16',
  BFloat16Storage: 'BF16',
  LongStorage: 'I64',
  IntStorage: 'I32',
  ShortStorage: 'I16',
  CharStorage: 'I8',
  ByteStorage: 'U8',
  BoolStorage: 'BOOL',
  UntypedStorage: 'U8',
}

/** A storage of some type with any bits, and a view of it: any permutation of the axes, steps and an offset. */
const anyView = fc
  .record({
    type: fc.constantFrom(...Object.keys(torchTypes)),
    axes: fc.array(fc.record({ size: fc.nat({ max: 3 }), step: fc.integer({ min: 1, max: 2 }) }), { maxLength: 3 }),
    offset: fc.nat({ max: 3 }),
    trailing: fc.nat({ max: 2 }),
    isPacked: fc.boolean(),
  })
  .chain((view) =>
    fc
      .shuffledSubarray([...view.axes.keys()], { minLength: view.axes.length })
      .map((order) => ({ ...view, order: view.isPacked ? [...view.axes.keys()] : order })),
  )
  .chain(({ type, axes, offset, trailing, isPacked, order }) => {
    const shape = axes.map(({ size }) => size)
    const strides = axes.map(() => 0)
    let span = 1
    for (const axis of order.toReversed()) {
      strides[axis] = isPacked ? span : span * axes[axis]!.step
      span = strides[axis] * Math.max(shape[axis]!, 1)
    }
    const byteLength = (offset + span + trailing) * bytesPerElement(torchTypes[type]!)
    return fc
      .uint8Array({ minLength: byteLength, maxLength: byteLength })
      .map((bytes) => ({ type, dtype: torchTypes[type]!, shape, strides, offset, bytes: Uint8Array.from(bytes) }))
  })

/** The definition: element by element. */
function viewOf({
  dtype,
  shape,
  strides,
  offset,
  bytes,
}: {
  dtype: DType
  shape: number[]
  strides: number[]
  offset: number
  bytes: Uint8Array
}) {
  const size = bytesPerElement(dtype)
  return Array.from({ length: elementCount(shape) }, (_, flat) => {
    let [rest, element] = [flat, offset]
    for (let axis = shape.length - 1; axis >= 0; axis--) {
      element += (rest % shape[axis]!) * strides[axis]!
      rest = Math.floor(rest / shape[axis]!)
    }
    return [...bytes.subarray(element * size, (element + 1) * size)]
  }).flat()
}

test.each(['zip', 'legacy'])('any view of any storage is read as its elements are defined (%s)', async (format) => {
  const folder = await temporaryFolder()
  await fc.assert(
    fc.asyncProperty(anyView, async (view) => {
      const { type, dtype, shape, strides, offset, bytes } = view
      const length = bytes.length / bytesPerElement(dtype)
      const on = storage('0', length, type, format === 'legacy')
      const body = dict({ view: tensor(on, shape, strides, offset), whole: tensor(on, [length], [1]) })
      await using checkpoint = await opened(
        format === 'zip' ? torchZip(pickle(body), { 0: bytes }) : legacyBytes(body, [['0', length, bytes]]),
        folder,
      )
      const raw = await checkpoint.readRaw('view')
      expect([raw.dtype, raw.shape]).toEqual([dtype, shape])
      expect(raw.data).toBeInstanceOf(dtypeArrays[dtype])
      expect(bits(raw.data)).toEqual(viewOf(view))
      expect(bits((await checkpoint.readRaw('whole')).data)).toEqual(bits(bytes))
    }),
    { numRuns: 150 },
  )
})

test('parameters, an OrderedDict with metadata, and the operations of protocol 4 are read', async () => {
  const values = Float32Array.of(1, 2, 3)
  const parameter = `${global('torch._utils', '_rebuild_parameter')}${tuple(tensor(storage('0', 3), [3], [1]), '\x88', orderedDict)}R`
  const stackGlobal = '\x8c\x0ctorch._utils\x94\x8c\x12_rebuild_tensor_v2\x94\x93\x94'
  const viaStack = `${stackGlobal}${tuple(storage('0', 3), int(1), tuple(int(2)), tuple(int(1)), '\x89', orderedDict)}R`
  const metadata = dict({ _metadata: `${orderedDict}(${text('')}${dict({ version: int(1) })}u` })
  const body = `\x95${'\0'.repeat(8)}${orderedDict}(${text('a')}${parameter}${text('b')}${viaStack}u${metadata}b`
  await using checkpoint = await opened(torchZip(pickle(body), { 0: bytesOf(values) }))
  expect((await checkpoint.read('a')).data).toEqual(values)
  expect((await checkpoint.read('b')).data).toEqual(Float32Array.of(2, 3))
})

test('the shards of an index are read', async () => {
  const folder = await temporaryFolder()
  await writeFile(join(folder, 'config.json'), '{"model_type": "other"}')
  const shard = (value: number) =>
    torchZip(pickle(dict({ [`w${value}`]: tensor(storage('0', 1), [], []) })), { 0: bytesOf(Float32Array.of(value)) })
  await writeFile(join(folder, 'pytorch_model-00001-of-00002.bin'), shard(1))
  await writeFile(join(folder, 'pytorch_model-00002-of-00002.bin'), shard(2))
  const weightMap = { w1: 'pytorch_model-00001-of-00002.bin', w2: 'pytorch_model-00002-of-00002.bin' }
  await writeFile(join(folder, 'pytorch_model.bin.index.json'), JSON.stringify({ weight_map: weightMap }))
  await using checkpoint = await Checkpoint.open(folder)
  expect(await checkpoint.read('w2')).toEqual({ shape: [], data: Float32Array.of(2) })
  expect(Object.keys(checkpoint.files)).toEqual([
    'config.json',
    'pytorch_model.bin.index.json',
    'pytorch_model-00001-of-00002.bin',
    'pytorch_model-00002-of-00002.bin',
  ])
})
