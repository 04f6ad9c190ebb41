import {
  bytesPerElement,
  type DType,
  type DTypeArrays,
  decodeBfloat16,
  decodeFloat16,
  dtypeArrays,
  elementCount,
  ShapeError,
  type Tensor,
} from '@isthmus/tensor'
import { CheckpointError } from './checkpoint-error.ts'
import type { FileHandlePool } from './file-handle-pool.ts'
import type { TensorInfo } from './safetensors-header.ts'
import { gatherStrided, stridedLength } from './strided.ts'

/** A tensor as it is stored: the array's type follows from the dtype (F16 and BF16 are their bits). */
export type RawTensor = {
  [D in DType]: { readonly dtype: D; readonly shape: readonly number[]; readonly data: DTypeArrays[D] }
}[DType]

/** Named tensors in files, read one at a time by byte range. The arrays returned are new and the caller's. */
export class TensorSource {
  /** All tensors by name; nothing of their data is read yet. */
  readonly tensors: ReadonlyMap<string, TensorInfo>
  readonly #files: FileHandlePool
  /** What an error calls this source: the file, or the checkpoint of a file. */
  readonly name: string

  /** @param name What an error calls this source.
   *  @param files Closed with the source.
   */
  constructor(name: string, tensors: ReadonlyMap<string, TensorInfo>, files: FileHandlePool) {
    this.tensors = tensors
    this.name = name
    this.#files = files
  }

  /** Where a tensor is stored.
   *
   *  @throws {CheckpointError} when there is none of this name.
   */
  info(name: string): TensorInfo {
    const info = this.tensors.get(name)
    if (info === undefined) {
      const examples = [...this.tensors.keys()].slice(0, 3).map((key) => `'${key}'`)
      throw new CheckpointError(
        `${this.name} has no tensor '${name}'; it has ${this.tensors.size}` +
          (examples.length > 0 ? `, such as ${examples.join(', ')}` : ''),
      )
    }
    return info
  }

  /** Read a floating-point tensor as f32, whatever its stored type: F16 and BF16 widen exactly, F64 rounds.
   *
   *  @throws {CheckpointError} when there is none of this name, or it holds integers.
   */
  async read(name: string): Promise<Tensor> {
    const { shape } = this.info(name)
    const data = new Float32Array(elementCount(shape))
    await this.readInto(name, data)
    return { shape, data }
  }

  /** Read a floating-point tensor as f32 into an array that the caller owns. Stored f32 goes there straight away.
   *
   *  @param target As long as the tensor has elements; overwritten.
   *  @throws {ShapeError} when `target` has another length.
   *  @throws {CheckpointError} as `read`.
   */
  async readInto(name: string, target: Float32Array): Promise<void> {
    const info = this.info(name)
    const length = elementCount(info.shape)
    if (target.length !== length) {
      throw new ShapeError(
        `tensor '${name}' of ${info.file} has ${length} elements, but is read into an array of ${target.length}`,
      )
    }
    if (info.dtype === 'F32') return this.#fill(info, target)
    if (!(info.dtype === 'F16' || info.dtype === 'BF16' || info.dtype === 'F64')) {
      throw wrongType(name, info, 'a floating-point tensor')
    }
    const stored = await this.readRaw(name)
    if (stored.dtype === 'F16') decodeFloat16(stored.data, target)
    else if (stored.dtype === 'BF16') decodeBfloat16(stored.data, target)
    else if (stored.dtype === 'F64') target.set(stored.data)
  }

  /** Read a tensor as it is stored. */
  async readRaw(name: string): Promise<RawTensor> {
    const info = this.info(name)
    const data = new dtypeArrays[info.dtype](info.byteLength / bytesPerElement(info.dtype))
    await this.#fill(info, data)
    return { dtype: info.dtype, shape: info.shape, data } as RawTensor
  }

  /** Read an integer tensor, such as token ids: I32 as it is, I64 where every value fits.
   *
   *  @throws {CheckpointError} when it has another type, or a value is outside of int32.
   */
  async readInt32(name: string): Promise<Tensor<Int32Array>> {
    const stored = await this.readRaw(name)
    if (stored.dtype === 'I32') return { shape: stored.shape, data: stored.data }
    if (stored.dtype !== 'I64') throw wrongType(name, this.info(name), 'an I32 or I64 tensor')
    const outside = stored.data.find((value) => value !== BigInt.asIntN(32, value))
    if (outside !== undefined) {
      throw new CheckpointError(
        `tensor '${name}' of ${this.info(name).file} holds ${outside}, which does not fit in 32 bits`,
      )
    }
    return { shape: stored.shape, data: Int32Array.from(stored.data, Number) }
  }

  /** Read a tensor of bytes or truth values: U8 or BOOL.
   *
   *  @throws {CheckpointError} when it has another type.
   */
  async readUint8(name: string): Promise<Tensor<Uint8Array>> {
    const stored = await this.readRaw(name)
    if (stored.dtype === 'U8' || stored.dtype === 'BOOL') return { shape: stored.shape, data: stored.data }
    throw wrongType(name, this.info(name), 'a U8 or BOOL tensor')
  }

  /** Close the files. Reads in progress finish; later ones fail. */
  close(): Promise<void> {
    return this.#files.close()
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }

  async #fill(info: TensorInfo, target: ArrayBufferView): Promise<void> {
    const bytes = new Uint8Array(target.buffer, target.byteOffset, target.byteLength)
    if (info.strides === undefined) return this.#files.read(info.file, bytes, info.byteOffset)
    const elementBytes = bytesPerElement(info.dtype)
    const stretch = new Uint8Array(stridedLength(info.shape, info.strides) * elementBytes)
    await this.#files.read(info.file, stretch, info.byteOffset)
    gatherStrided(stretch, info.shape, info.strides, elementBytes, bytes)
  }
}

function wrongType(name: string, info: TensorInfo, expected: string): CheckpointError {
  return new CheckpointError(`tensor '${name}' of ${info.file} is stored as ${info.dtype}, but is read as ${expected}`)
}
