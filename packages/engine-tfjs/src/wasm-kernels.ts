import * as tf from '@tensorflow/tfjs'
import type { BackendWasm } from '@tensorflow/tfjs-backend-wasm'
import { areMultipliedInTurn, multiplyBatches } from './wasm-products.ts'

/** Give the WebAssembly backend the kernels that gradients need and that it lacks or has too slow.
 *
 *  | kernel | as it comes | here |
 *  |---|---|---|
 *  | `BatchMatMul` of batches of one shape | a transposed factor or a batch takes a loop, ten times slower | see {@link multiplyBatches} |
 *  | `Sum` over the rows of a matrix | of its transpose, which is most of the time | row by row, in f64 |
 *  | `GatherV2` of whole rows | element by element, fifty times slower | row by row |
 *  | `Identity`, of what is kept for the gradient | copies | shares the memory, as `Reshape` does |
 *  | `UnsortedSegmentSum`, in the gradient of `tf.gather` | missing | by `ScatterNd` |
 *
 *  Whatever else is asked of a kernel, the backend's own computes. To be called once, before the backend is started.
 */
export function registerWasmKernels(): void {
  replaceKernel(tf.BatchMatMul, (original) => (call) => {
    const { a, b } = call.inputs as { a: tf.Tensor; b: tf.Tensor }
    const transposes = call.attrs as { transposeA: boolean; transposeB: boolean }
    if (!areMultipliedInTurn(a, b, transposes)) return original(call)
    return multiplyBatches(call.backend as BackendWasm, a, b, transposes)
  })
  replaceKernel(tf.Sum, (original) => (call) => {
    const { x } = call.inputs as { x: tf.TensorInfo }
    const { axis, keepDims } = call.attrs as { axis: number | number[] | null; keepDims?: boolean }
    const [reduced, ...others] = tf.util.parseAxisParam(axis!, x.shape)
    const isOverRows = x.shape.length === 2 && reduced === 0 && others.length === 0 && x.dtype === 'float32'
    return isOverRows && keepDims !== true ? sumRows(call.backend as BackendWasm, x) : original(call)
  })
  replaceKernel(tf.GatherV2, (original) => (call) => {
    const { x, indices } = call.inputs as { x: tf.TensorInfo; indices: tf.TensorInfo }
    const { axis, batchDims } = call.attrs as { axis: number; batchDims: number }
    const isOfRows = axis === 0 && batchDims === 0 && x.dtype === 'float32' && indices.dtype === 'int32'
    return isOfRows ? gatherRows(call.backend as BackendWasm, x, indices) : original(call)
  })
  replaceKernel(tf.Identity, () => ({ inputs, backend }) => {
    const { dataId, shape, dtype } = (inputs as { x: tf.TensorInfo }).x
    ;(backend as BackendWasm).incRef(dataId)
    return { dataId, shape, dtype }
  })
  tf.registerKernel({
    kernelName: tf.UnsortedSegmentSum,
    backendName: 'wasm',
    kernelFunc: ({ inputs, attrs }) => {
      const { x, segmentIds } = inputs as { x: tf.Tensor; segmentIds: tf.Tensor }
      const { numSegments } = attrs as { numSegments: number }
      return tf.tidy(() => tf.scatterND(tf.reshape(segmentIds, [-1, 1]), x, [numSegments, ...x.shape.slice(1)]))
    },
  })
}

function replaceKernel(kernelName: string, makeKernel: (original: tf.KernelFunc) => tf.KernelFunc): void {
  const original = tf.getKernel(kernelName, 'wasm')
  tf.unregisterKernel(kernelName, 'wasm')
  tf.registerKernel({ ...original, kernelFunc: makeKernel(original.kernelFunc) })
}

/** Four rows at a time, so that each sum is read and written a quarter as often. */
function sumRows(backend: BackendWasm, matrix: tf.TensorInfo): tf.TensorInfo {
  const [rows, width] = matrix.shape as [number, number]
  const sums = new Float64Array(width)
  const x = backend.typedArrayFromHeap(matrix) as Float32Array
  const inFours = rows - (rows % 4)
  for (let row = 0; row < inFours; row += 4) {
    let i = row * width
    for (let column = 0; column < width; column++, i++) {
      sums[column]! += x[i]! + x[i + width]! + x[i + 2 * width]! + x[i + 3 * width]!
    }
  }
  for (let i = inFours * width; i < x.length; i++) sums[i % width]! += x[i]!
  return backend.makeOutput([width], 'float32', undefined, Float32Array.from(sums))
}

function gatherRows(backend: BackendWasm, table: tf.TensorInfo, indices: tf.TensorInfo): tf.TensorInfo {
  const rowShape = table.shape.slice(1)
  const result = backend.makeOutput([...indices.shape, ...rowShape], 'float32')
  const width = tf.util.sizeFromShape(rowShape)
  const [from, into] = [backend.typedArrayFromHeap(table), backend.typedArrayFromHeap(result)]
  backend.typedArrayFromHeap(indices).forEach((row, i) => {
    into.set(from.subarray(row * width, (row + 1) * width), i * width)
  })
  return result
}
