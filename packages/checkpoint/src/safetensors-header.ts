import { bytesPerElement, type DType, dtypeArrays, isDType } from '@isthmus/tensor'
import { CheckpointError } from './checkpoint-error.ts'
import type { RangeReader } from './file-handle-pool.ts'
import { describeJson, isJsonObject, parseJsonObject } from './parse-json-object.ts'

/** Where a tensor is stored. */
export interface TensorInfo {
  readonly dtype: DType
  readonly shape: readonly number[]
  /** Path of the file. */
  readonly file: string
  /** Counted from the start of the file. */
  readonly byteOffset: number
  /** Of the elements alone, without what may lie between them. */
  readonly byteLength: number
  /** Elements from one index to the next along each axis, where these are not packed in the order of the axes. */
  readonly strides?: readonly number[]
}

/** What stands before the data of a safetensors file. */
export interface SafetensorsHeader {
  readonly tensors: ReadonlyMap<string, TensorInfo>
  readonly metadata: Readonly<Record<string, string>>
}

/** Bytes: the limit that the format's reference implementation sets. */
const MAX_HEADER_BYTES = 100_000_000

const REMEDY = 'save or download the file again'

/** Read and check the header of a safetensors file; the data stay where they are.
 *
 *  A file is eight bytes of length (unsigned, little-endian), that many bytes of JSON, and the data. Every byte of the
 *  data must belong to one tensor, as the reference implementation demands. No more is read or allocated than the
 *  header, which is at most as long as the file.
 *  @throws {CheckpointError} naming the file, the tensor, what was expected and what was found.
 *  @see The documentation of Hugging Face’s safetensors, “Format”
 */
export async function readSafetensorsHeader(files: RangeReader, path: string): Promise<SafetensorsHeader> {
  const fileBytes = await files.size(path)
  if (fileBytes < 8) {
    throw new CheckpointError(`${path} has ${fileBytes} bytes, too few for a safetensors file: ${REMEDY}`)
  }
  const prefix = new Uint8Array(8)
  await files.read(path, prefix, 0)
  const headerBytes = new DataView(prefix.buffer).getBigUint64(0, true)
  if (headerBytes > MAX_HEADER_BYTES) {
    throw new CheckpointError(
      `${path} is not a safetensors file: its first 8 bytes give a header of ${headerBytes} bytes, ` +
        `but at most ${MAX_HEADER_BYTES} are allowed; ${REMEDY}`,
    )
  }
  if (Number(headerBytes) > fileBytes - 8) {
    throw new CheckpointError(
      `${path} is truncated: its header should have ${headerBytes} bytes, ` +
        `but only ${fileBytes - 8} follow its length; ${REMEDY}`,
    )
  }
  const header = new Uint8Array(Number(headerBytes))
  await files.read(path, header, 8)
  return parseSafetensorsHeader(header, path, fileBytes)
}

/** Check the JSON of a header against the size of its file.
 *
 *  @param header The bytes between the length and the data.
 *  @param path The file that errors and tensors name.
 *  @param fileBytes Size of the whole file.
 *  @throws {CheckpointError} as `readSafetensorsHeader`.
 */
export function parseSafetensorsHeader(header: Uint8Array, path: string, fileBytes: number): SafetensorsHeader {
  const entries = Object.entries(parseJsonObject(header, `the header of ${path}`, REMEDY))
  const dataStart = 8 + header.length
  const tensors = new Map<string, TensorInfo>()
  let metadata: Readonly<Record<string, string>> = {}
  for (const [name, value] of entries) {
    if (name === '__metadata__') metadata = checkMetadata(value, path)
    else tensors.set(name, checkTensor(name, value, path, dataStart, fileBytes))
  }
  checkLayout(tensors, path, dataStart, fileBytes)
  return { tensors, metadata }
}

function checkMetadata(value: unknown, path: string): Readonly<Record<string, string>> {
  if (!isJsonObject(value)) {
    throw new CheckpointError(
      `__metadata__ of ${path} must be an object of strings, but is ${describeJson(value)}; ${REMEDY}`,
    )
  }
  for (const [key, entry] of Object.entries(value)) {
    if (typeof entry !== 'string') {
      throw new CheckpointError(
        `__metadata__ of ${path} must hold strings, but '${key}' is ${describeJson(entry)}; ${REMEDY}`,
      )
    }
  }
  return value as Readonly<Record<string, string>>
}

function checkTensor(name: string, value: unknown, path: string, dataStart: number, fileBytes: number): TensorInfo {
  const tensor = `tensor '${name}' of ${path}`
  if (!isJsonObject(value)) {
    throw new CheckpointError(
      `${tensor} must be described by an object with dtype, shape and data_offsets, but is ${describeJson(value)}; ${REMEDY}`,
    )
  }
  const { dtype, shape, data_offsets: offsets } = value
  if (!isDType(dtype)) {
    throw new CheckpointError(
      `${tensor} has the dtype ${describeJson(dtype)}, which is none of ${Object.keys(dtypeArrays).join(', ')}; ` +
        'convert it to one of these',
    )
  }
  if (!isCountList(shape)) {
    throw new CheckpointError(
      `${tensor} has the shape ${describeJson(shape)}, but a list of integers from 0 up is expected; ${REMEDY}`,
    )
  }
  if (!isCountList(offsets) || offsets.length !== 2 || offsets[0]! > offsets[1]!) {
    throw new CheckpointError(
      `${tensor} has the data_offsets ${describeJson(offsets)}, but [begin, end] with 0 ≤ begin ≤ end is expected; ${REMEDY}`,
    )
  }
  const [begin, end] = offsets as [number, number]
  const expected = shape.reduce((product, size) => product * size, bytesPerElement(dtype))
  if (end - begin !== expected) {
    throw new CheckpointError(
      `${tensor} has the dtype ${dtype} and the shape [${shape.join(', ')}], which take ${expected} bytes, ` +
        `but its data_offsets [${begin}, ${end}] hold ${end - begin}; ${REMEDY}`,
    )
  }
  if (end > fileBytes - dataStart) {
    throw new CheckpointError(
      `${tensor} ends at byte ${end} of the data, but the file has only ${fileBytes - dataStart}: ` +
        `it is truncated; ${REMEDY}`,
    )
  }
  return { dtype, shape, file: path, byteOffset: dataStart + begin, byteLength: expected }
}

/** Every byte of the data belongs to one tensor: no overlap, no gap, nothing behind the last. */
function checkLayout(
  tensors: ReadonlyMap<string, TensorInfo>,
  path: string,
  dataStart: number,
  fileBytes: number,
): void {
  const inOrder = [...tensors].sort(([, a], [, b]) => a.byteOffset - b.byteOffset || a.byteLength - b.byteLength)
  let end = dataStart
  let previous = 'the header'
  for (const [name, info] of inOrder) {
    if (info.byteOffset !== end) {
      const relation = info.byteOffset < end ? 'overlap' : 'leave a gap'
      throw new CheckpointError(
        `tensor '${name}' of ${path} begins at byte ${info.byteOffset - dataStart} of the data, but ${previous} ends ` +
          `at ${end - dataStart}: the two ${relation}; ${REMEDY}`,
      )
    }
    end += info.byteLength
    previous = `tensor '${name}'`
  }
  if (end !== fileBytes) {
    throw new CheckpointError(
      `${path} has ${fileBytes - end} bytes behind ${previous} that belong to no tensor: ` +
        `${end} bytes are expected, ${fileBytes} found; ${REMEDY}`,
    )
  }
}

function isCountList(value: unknown): value is number[] {
  return Array.isArray(value) && value.every((n) => Number.isSafeInteger(n) && n >= 0)
}
