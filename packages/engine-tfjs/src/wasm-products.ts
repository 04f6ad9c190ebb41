import * as tf from '@tensorflow/tfjs'
import type { BackendWasm } from '@tensorflow/tfjs-backend-wasm'

/** What is used of the module behind the backend, whose own types need a browser's. */
interface WasmModule {
  cwrap(name: string, result: null, parameters: readonly ('number' | 'array')[]): ProductOfMatrices
  readonly tfjs: { disposeData(id: number): void }
}

/** The module's `BatchMatMul`: tensors by their numbers, shapes as the bytes of int32s. */
type ProductOfMatrices = (
  a: number,
  aShape: Uint8Array,
  aRank: number,
  b: number,
  bShape: Uint8Array,
  bRank: number,
  transposeA: number,
  transposeB: number,
  product: number,
) => void

/** Which factor of a product is transposed. */
export interface Transposes {
  readonly transposeA: boolean
  readonly transposeB: boolean
}

/** Whether {@link multiplyBatches} can multiply two tensors: floats, with equal leading axes and inner sizes. */
export function areMultipliedInTurn(a: tf.Tensor, b: tf.Tensor, { transposeA, transposeB }: Transposes): boolean {
  return (
    a.dtype === 'float32' &&
    b.dtype === 'float32' &&
    tf.util.arraysEqual(a.shape.slice(0, -2), b.shape.slice(0, -2)) &&
    a.shape.at(transposeA ? -2 : -1) === b.shape.at(transposeB ? -1 : -2)
  )
}

/** Multiply matrices, or batches of them, on the WebAssembly backend, as its `BatchMatMul` does but faster.
 *
 *  Its fast product is of two matrices, neither transposed. So transposes are carried out here, and a batch is one fast
 *  product after the other, each on views of the tensors' memory.
 *  @param a `[…, m, k]`, or `[…, k, m]` to be transposed; the leading axes are those of `b`.
 *  @param b `[…, k, n]`, or `[…, n, k]` to be transposed.
 *  @returns `[…, m, n]`.
 */
export function multiplyBatches(
  backend: BackendWasm,
  a: tf.Tensor,
  b: tf.Tensor,
  { transposeA, transposeB }: Transposes,
): tf.TensorInfo {
  const left = transposeA ? transposed(backend, a) : a
  const right = transposeB ? transposed(backend, b) : b
  const [m, k] = left.shape.slice(-2) as [number, number]
  const n = right.shape.at(-1)!
  const outerShape = left.shape.slice(0, -2)
  const result = backend.makeOutput([...outerShape, m, n], 'float32')
  const multiply = productOf(backend)
  const [leftShape, rightShape] = [shapeBytes(1, m, k), shapeBytes(1, k, n)]
  for (let batch = 0; batch < tf.util.sizeFromShape(outerShape); batch++) {
    withViews(backend, [left, right, result], batch, ([x, y, product]) =>
      multiply(x!, leftShape, 3, y!, rightShape, 3, 0, 0, product!),
    )
  }
  if (transposeA) left.dispose()
  if (transposeB) right.dispose()
  return result
}

const products = new WeakMap<BackendWasm, ProductOfMatrices>()

function productOf(backend: BackendWasm): ProductOfMatrices {
  const known = products.get(backend)
  if (known !== undefined) return known
  const tensor = ['number', 'array', 'number'] as const
  const product = moduleOf(backend).cwrap('BatchMatMul', null, [...tensor, ...tensor, 'number', 'number', 'number'])
  products.set(backend, product)
  return product
}

function moduleOf(backend: BackendWasm): WasmModule {
  return (backend as unknown as { readonly wasm: WasmModule }).wasm
}

function shapeBytes(...shape: number[]): Uint8Array {
  return new Uint8Array(Int32Array.from(shape).buffer)
}

/** Hand out the numbers of tensors that are one matrix of each batch, in place. */
function withViews(
  backend: BackendWasm,
  tensors: readonly tf.TensorInfo[],
  batch: number,
  use: (ids: readonly number[]) => void,
): void {
  const views = tensors.map(({ dataId, shape }) => {
    const matrix = shape.slice(-2)
    const offset = backend.getMemoryOffset(dataId) + 4 * batch * tf.util.sizeFromShape(matrix)
    return backend.makeOutput(matrix, 'float32', offset).dataId
  })
  const ids = views.map((view) => backend.dataIdMap.get(view).id)
  use(ids)
  views.forEach((view, i) => {
    // Not disposeData of the backend, which would free the memory too.
    moduleOf(backend).tfjs.disposeData(ids[i]!)
    backend.dataIdMap.delete(view)
  })
}

/** Swap the last two axes. Large matrices are copied in squares, so that what is read and written stays near. */
function transposed(backend: BackendWasm, x: tf.Tensor): tf.Tensor {
  if (x.shape.length > 2) {
    const axes = x.shape.map((_, axis) => axis)
    return tf.transpose(x, [...axes.slice(0, -2), axes.at(-1)!, axes.at(-2)!])
  }
  const [rows, columns] = x.shape as [number, number]
  const result = tf.engine().makeTensorFromTensorInfo(backend.makeOutput([columns, rows], 'float32'))
  const [from, into] = [backend.typedArrayFromHeap(x), backend.typedArrayFromHeap(result)]
  for (let top = 0; top < rows; top += squareSide) {
    const bottom = Math.min(top + squareSide, rows)
    for (let left = 0; left < columns; left += squareSide) {
      const right = Math.min(left + squareSide, columns)
      for (let column = left; column < right; column++) {
        for (let row = top; row < bottom; row++) into[column * rows + row] = from[row * columns + column]!
      }
    }
  }
  return result
}

const squareSide = 32
