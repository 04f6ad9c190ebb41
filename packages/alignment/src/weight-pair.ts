import type { ParameterAxis, PermutableAxis } from '@isthmus/model'
import { elementCount, type Tensor, UserError } from '@isthmus/tensor'
import { type AxisMap, moveMember } from './axis-map.ts'
import type { MatrixProduct } from './matrix-product.ts'

/** Rows of one product: what is added up in the f32 of an engine, before it is added in f64. */
const rowsPerProduct = 4096

/** The weights of two models, those of B as they have been moved so far. */
export class WeightPair {
  readonly #a: ReadonlyMap<string, Tensor>
  readonly #b: Map<string, Tensor>
  readonly #product: MatrixProduct

  /** @param a A's parameters by name, f32; @param b B's, of the same shapes. Neither is modified.
   *  @throws {UserError} naming a parameter that holds NaN or an infinite number.
   */
  constructor(a: ReadonlyMap<string, Tensor>, b: ReadonlyMap<string, Tensor>, product: MatrixProduct) {
    for (const [model, parameters] of Object.entries({ A: a, B: b })) {
      for (const [name, { data }] of parameters) {
        if (data.every(Number.isFinite)) continue
        throw new UserError(
          `'${name}' of model ${model} holds ${data.find((value) => !Number.isFinite(value))}, but weights can be matched ` +
            'only where all are finite numbers: check the checkpoint',
        )
      }
    }
    this.#a = a
    this.#b = new Map(b)
    this.#product = product
  }

  /** A parameter of B as it is now. */
  moved(parameter: string): Tensor {
    return this.#b.get(parameter)!
  }

  /** Move B along an axis, in every parameter that lies along it. */
  move({ members }: PermutableAxis, map: AxisMap): void {
    for (const member of members) this.#b.set(member.parameter, moveMember(this.moved(member.parameter), member, map))
  }

  /** ⟨θ_A, θ_B⟩ over some parameters, in f64. */
  agreement(parameters: Iterable<string>): number {
    let sum = 0
    for (const name of parameters) sum += innerProduct(this.#a.get(name)!.data, this.moved(name).data)
    return sum
  }

  /** The inner products of A's features with B's along an axis, over some of its members.
   *
   *      S[i, j] = Σ_member ⟨θ_A[…, i, …], θ_B[…, j, …]⟩
   *
   *  @returns `[d, d]`, row = feature of A; sums over more than `rowsPerProduct` elements are in f64.
   */
  async similarity(members: readonly ParameterAxis[], size: number): Promise<Float64Array> {
    const sums = new Float64Array(size * size)
    for (const member of members) {
      const [left, right] = [this.#a.get(member.parameter)!, this.moved(member.parameter)].map((value) =>
        featureSlabs(value, member),
      )
      for (const [index, slab] of left!.entries()) await this.#addProducts(sums, slab, right![index]!)
    }
    return sums
  }

  /** Squared Euclidean distances of A's features from B's along an axis, over some of its members: `[d, d]`.
   *
   *      ‖a_i − b_j‖² = ‖a_i‖² + ‖b_j‖² − 2 S[i, j]
   */
  async squaredDistances(members: readonly ParameterAxis[], size: number): Promise<Float64Array> {
    const distances = await this.similarity(members, size)
    const [ofA, ofB] = [new Float64Array(size), new Float64Array(size)]
    for (const member of members) {
      addSquaredNorms(ofA, featureSlabs(this.#a.get(member.parameter)!, member))
      addSquaredNorms(ofB, featureSlabs(this.moved(member.parameter), member))
    }
    for (let i = 0, k = 0; i < size; i++) {
      for (let j = 0; j < size; j++, k++) distances[k] = Math.max(0, ofA[i]! + ofB[j]! - 2 * distances[k]!)
    }
    return distances
  }

  async #addProducts(sums: Float64Array, left: FeatureSlab, right: FeatureSlab): Promise<void> {
    const [rows, columns] = left.matrix.shape as [number, number]
    if (left.features === 'rows') {
      add(sums, await this.#product(left.matrix, right.matrix, 'right'))
      return
    }
    for (let start = 0; start < rows; start += rowsPerProduct) {
      const end = Math.min(rows, start + rowsPerProduct)
      const part = ({ data }: Tensor): Tensor => ({
        shape: [end - start, columns],
        data: data.subarray(start * columns, end * columns),
      })
      add(sums, await this.#product(part(left.matrix), part(right.matrix), 'left'))
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

function addSquaredNorms(sums: Float64Array, slabs: readonly FeatureSlab[]): void {
  for (const { matrix, features } of slabs) {
    const columns = matrix.shape[1]!
    for (let k = 0; k < matrix.data.length; k++) {
      sums[features === 'columns' ? k % columns : Math.floor(k / columns)]! += matrix.data[k]! ** 2
    }
  }
}

function add(sums: Float64Array, values: ArrayLike<number>): void {
  for (let i = 0; i < sums.length; i++) sums[i]! += values[i]!
}

function innerProduct(x: Float32Array, y: Float32Array): number {
  let sum = 0
  for (let i = 0; i < x.length; i++) sum += x[i]! * y[i]!
  return sum
}
