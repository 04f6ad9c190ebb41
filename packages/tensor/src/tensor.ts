import { ShapeError } from './errors.ts'

/** Dense row-major values: `data.length` is the product of `shape`. The tensor owns no copy: it views `data`. */
export interface Tensor<Data extends NumericArray = Float32Array> {
  readonly shape: readonly number[]
  readonly data: Data
}

/** What a tensor may view. */
export type NumericArray = Float32Array | Float64Array | Int32Array | Uint8Array

/** Make a tensor that views `data`, which is not copied.
 *
 *  @throws {ShapeError} when `data.length` is not the product of `shape`.
 */
export function tensor<Data extends NumericArray>(data: Data, shape: readonly number[]): Tensor<Data> {
  if (data.length !== elementCount(shape)) {
    throw new ShapeError(
      `a tensor of shape [${shape.join(', ')}] has ${elementCount(shape)} elements, but its data has ${data.length}`,
    )
  }
  return { shape, data }
}

/** The number of elements of a shape: the product of its dimensions, 1 for a scalar's `[]`. */
export function elementCount(shape: readonly number[]): number {
  return shape.reduce((product, dimension) => product * dimension, 1)
}
