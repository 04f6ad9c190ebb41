import type { ParameterAxis } from '@isthmus/model'
import { elementCount, type Tensor } from '@isthmus/tensor'
import type { MatrixProduct } from './matrix-product.ts'

/** Rows of one product: what is added up in the f32 of an engine, before it is added in f64. */
const rowsPerProduct = 4096

/** The inner products of the features of two sets of parameters along an axis, over some of its members.
 *
 *      S[i, j] = Σ_member ⟨left[…, i, …], right[…, j, …]⟩
 *
 *  @param left By name, f32: what holds the features of the rows; weights, or gradients by them.
 *  @param right By name, of the same shapes. Neither is modified.
 *  @returns `[d, d]`, row = feature of the left; sums over more than `rowsPerProduct` elements are in f64.
 */
export async function featureSimilarity(
  left: ReadonlyMap<string, Tensor>,
  right: ReadonlyMap<string, Tensor>,
  { members, size }: { readonly members: readonly ParameterAxis[]; readonly size: number },
  product: MatrixProduct,
): Promise<Float64Array> {
  const sums = new Float64Array(size * size)
  for (const member of members) {
    const others = featureSlabs(right.get(member.parameter)!, member)
    for (const [index, slab] of featureSlabs(left.get(member.parameter)!, member).entries()) {
      await addProducts(sums, slab, others[index]!, product)
    }
  }
  return sums
}

/** Add the squared norms ‖x_i‖² of the features of a parameter along a member, `[d]`. */
export function addSquaredNorms(sums: Float64Array, value: Tensor, member: ParameterAxis): void {
  for (const { matrix, features } of featureSlabs(value, member)) {
    const columns = matrix.shape[1]!
    for (let k = 0; k < matrix.data.length; k++) {
      sums[features === 'columns' ? k % columns : Math.floor(k / columns)]! += matrix.data[k]! ** 2
    }
  }
}

/** A matrix whose rows, or whose columns, are the features of an axis. */
interface FeatureSlab {
  readonly matrix: Tensor
  readonly features: 'rows' | 'columns'
}

/** A parameter cut into matrices of the features of a member: one of columns for the last axis, else one of rows for each
 *  index of the axes before.
 */
function featureSlabs(value: Tensor, { axis, segment }: ParameterAxis): FeatureSlab[] {
  const { shape, data } = segment === undefined ? value : sliceAxis(value, axis, segment)
  const size = shape[axis]!
  const inner = elementCount(shape.slice(axis + 1))
  const outer = elementCount(shape.slice(0, axis))
  if (inner === 1) return [{ matrix: { shape: [outer, size], data }, features: 'columns' }]
  return Array.from({ length: outer }, (_, o) => ({
    matrix: { shape: [size, inner], data: data.subarray(o * size * inner, (o + 1) * size * inner) },
    features: 'rows' as const,
  }))
}

function sliceAxis({ shape, data }: Tensor, axis: number, { offset, size }: { offset: number; size: number }): Tensor {
  const inner = elementCount(shape.slice(axis + 1))
  const outer = elementCount(shape.slice(0, axis))
  const sliced = new Float32Array(outer * size * inner)
  for (let o = 0; o < outer; o++) {
    const start = (o * shape[axis]! + offset) * inner
    sliced.set(data.subarray(start, start + size * inner), o * size * inner)
  }
  return { shape: shape.map((length, k) => (k === axis ? size : length)), data: sliced }
}

async function addProducts(
  sums: Float64Array,
  left: FeatureSlab,
  right: FeatureSlab,
  product: MatrixProduct,
): Promise<void> {
  const [rows, columns] = left.matrix.shape as [number, number]
  if (left.features === 'rows') {
    add(sums, await product(left.matrix, right.matrix, 'right'))
    return
  }
  for (let start = 0; start < rows; start += rowsPerProduct) {
    const end = Math.min(rows, start + rowsPerProduct)
    const part = ({ data }: Tensor): Tensor => ({
      shape: [end - start, columns],
      data: data.subarray(start * columns, end * columns),
    })
    add(sums, await product(part(left.matrix), part(right.matrix), 'left'))
  }
}

function add(sums: Float64Array, values: ArrayLike<number>): void {
  for (let i = 0; i < sums.length; i++) sums[i]! += values[i]!
}
