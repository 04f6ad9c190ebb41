import type { ParameterAxis, PermutableAxis } from '@isthmus/model'
import { type Tensor, UserError } from '@isthmus/tensor'
import { type AxisMap, moveMember } from './axis-map.ts'
import { addSquaredNorms, featureSimilarity } from './feature-similarity.ts'
import type { MatrixProduct } from './matrix-product.ts'

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
   *  @returns `[d, d]`, row = feature of A.
   */
  similarity(members: readonly ParameterAxis[], size: number): Promise<Float64Array> {
    return featureSimilarity(this.#a, this.#b, { members, size }, this.#product)
  }

  /** Squared Euclidean distances of A's features from B's along an axis, over some of its members: `[d, d]`.
   *
   *      ‖a_i − b_j‖² = ‖a_i‖² + ‖b_j‖² − 2 S[i, j]
   */
  async squaredDistances(members: readonly ParameterAxis[], size: number): Promise<Float64Array> {
    const distances = await this.similarity(members, size)
    const [ofA, ofB] = [new Float64Array(size), new Float64Array(size)]
    for (const member of members) {
      addSquaredNorms(ofA, this.#a.get(member.parameter)!, member)
      addSquaredNorms(ofB, this.moved(member.parameter), member)
    }
    for (let i = 0, k = 0; i < size; i++) {
      for (let j = 0; j < size; j++, k++) distances[k] = Math.max(0, ofA[i]! + ofB[j]! - 2 * distances[k]!)
    }
    return distances
  }
}

function innerProduct(x: Float32Array, y: Float32Array): number {
  let sum = 0
  for (let i = 0; i < x.length; i++) sum += x[i]! * y[i]!
  return sum
}
