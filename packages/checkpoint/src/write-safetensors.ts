import type { FileHandle } from 'node:fs/promises'
import {
  bytesPerElement,
  type DType,
  type DTypeArrays,
  dtypeArrays,
  elementCount,
  encodeBfloat16,
  encodeFloat16,
} from '@isthmus/tensor'
import { CheckpointError } from './checkpoint-error.ts'
import { writeFileAtomically } from './write-file-atomically.ts'

/** Values to store: the dtype's own array, or f32, which F16 and BF16 round to nearest, ties to even. */
export type TensorData = DTypeArrays[DType]

/** A tensor to write. Its data may be made when its turn comes, so that a file can be larger than memory. */
export interface TensorToWrite {
  readonly name: string
  readonly dtype: DType
  readonly shape: readonly number[]
  readonly data: TensorData | (() => TensorData | Promise<TensorData>)
}

/** Largest element first, so that each tensor is aligned; then as the format's reference implementation orders. */
const dtypeOrder: readonly DType[] = [
  'U64',
  'I64',
  'F64',
  'F32',
  'U32',
  'I32',
  'BF16',
  'F16',
  'U16',
  'I16',
  'I8',
  'U8',
  'BOOL',
]

/** Write a safetensors file, tensor by tensor: never more than one lazy tensor is in memory.
 *
 *  The bytes depend on the tensors and metadata alone, not on their order, and are those that the Python package
 *  `safetensors` writes: tensors by dtype, the largest element first, then by name. The file appears under `path` only
 *  when it is complete (temporary file, fsync, rename).
 *  @param tensors Shapes and dtypes are taken first; then data are asked for one by one, in the order of the file.
 *  @param metadata Strings that readers get beside the tensors; `{ format: 'pt' }` is what `transformers` asks for.
 *  @throws {CheckpointError} when a name occurs twice, data do not have the dtype and shape declared, or the disk is
 *    full; nothing is left behind.
 *  @see The documentation of Hugging Face’s safetensors, “Format”
 */
export function writeSafetensors(
  path: string,
  tensors: Iterable<TensorToWrite> | AsyncIterable<TensorToWrite>,
  metadata: Readonly<Record<string, string>> = {},
): Promise<void> {
  return writeFileAtomically(path, (file) => streamSafetensors(file, path, tensors, metadata))
}

/** Write the bytes of `writeSafetensors` into an open file.
 *
 *  @param path What errors call the file.
 */
export async function streamSafetensors(
  file: FileHandle,
  path: string,
  tensors: Iterable<TensorToWrite> | AsyncIterable<TensorToWrite>,
  metadata: Readonly<Record<string, string>>,
): Promise<void> {
  const inOrder: TensorToWrite[] = []
  for await (const tensor of tensors) inOrder.push(tensor)
  inOrder.sort(
    (a, b) =>
      dtypeOrder.indexOf(a.dtype) - dtypeOrder.indexOf(b.dtype) ||
      Buffer.compare(Buffer.from(a.name), Buffer.from(b.name)),
  )
  await writeAll(file, encodeHeader(inOrder, metadata, path))
  for (const tensor of inOrder) await writeAll(file, await encodeData(tensor, path))
}

/** The length, the JSON, and spaces up to a multiple of eight bytes. */
function encodeHeader(
  tensors: readonly TensorToWrite[],
  metadata: Readonly<Record<string, string>>,
  path: string,
): Uint8Array {
  const names = new Set<string>()
  const entries: string[] = []
  const keys = Object.keys(metadata).sort()
  if (keys.length > 0) {
    entries.push(
      `"__metadata__":{${keys.map((key) => `${JSON.stringify(key)}:${JSON.stringify(metadata[key])}`).join(',')}}`,
    )
  }
  let begin = 0
  for (const { name, dtype, shape } of tensors) {
    if (names.has(name) || name === '__metadata__') {
      const reason = names.has(name) ? 'two tensors have this name' : 'the format keeps this name for itself'
      throw new CheckpointError(`cannot write the tensor '${name}' to ${path}: ${reason}; rename one`)
    }
    names.add(name)
    const end = begin + elementCount(shape) * bytesPerElement(dtype)
    entries.push(`${JSON.stringify(name)}:${JSON.stringify({ dtype, shape, data_offsets: [begin, end] })}`)
    begin = end
  }
  const json = Buffer.from(`{${entries.join(',')}}`)
  const padded = Math.ceil(json.length / 8) * 8
  const header = new Uint8Array(8 + padded).fill(0x20)
  new DataView(header.buffer).setBigUint64(0, BigInt(padded), true)
  header.set(json, 8)
  return header
}

async function encodeData(tensor: TensorToWrite, path: string): Promise<Uint8Array> {
  const { name, dtype, shape } = tensor
  const given = typeof tensor.data === 'function' ? await tensor.data() : tensor.data
  let data = given
  if (given instanceof Float32Array && dtype === 'F16') data = encodeFloat16(given)
  if (given instanceof Float32Array && dtype === 'BF16') data = encodeBfloat16(given)
  if (!(data instanceof dtypeArrays[dtype]) || data.length !== elementCount(shape)) {
    const array = dtype === 'F16' || dtype === 'BF16' ? 'Float32Array or Uint16Array' : dtypeArrays[dtype].name
    throw new CheckpointError(
      `cannot write the tensor '${name}' to ${path}: ${dtype} of shape [${shape.join(', ')}] needs ` +
        `${elementCount(shape)} values (${array}), but ${given.length} (${given.constructor.name}) were given`,
    )
  }
  return new Uint8Array(data.buffer, data.byteOffset, data.byteLength)
}

/** One `pwrite` transfers less than 2 GiB. */
const MAX_WRITE_BYTES = 2 ** 30

async function writeAll(file: FileHandle, bytes: Uint8Array): Promise<void> {
  for (let written = 0; written < bytes.length; ) {
    written += (await file.write(bytes, written, Math.min(bytes.length - written, MAX_WRITE_BYTES))).bytesWritten
  }
}
