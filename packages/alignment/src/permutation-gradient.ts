import type { PermutableAxis } from '@isthmus/model'
import type { Permutation, Tensor } from '@isthmus/tensor'
import { featureSimilarity } from './feature-similarity.ts'
import type { MatrixProduct } from './matrix-product.ts'

/** A point of the path between A and the moved B, and how the loss rises there. */
export interface PathPoint {
  /** The weight of A: θ = λ θ_A + (1 − λ) π(θ_B). */
  readonly lambda: number
  /** π(θ_B), by name, f32. */
  readonly moved: ReadonlyMap<string, Tensor>
  /** ∂L/∂θ, of the same names and shapes. */
  readonly gradients: ReadonlyMap<string, Tensor>
}

/** The gradient of the loss on the path by the matrix of an axis's permutation, `P[i, π(i)] = 1`.
 *
 *      ∂L/∂P[i, j] = (1 − λ) Σ_member ⟨∂L/∂θ[…, i, …], θ_B[…, j, …]⟩
 *
 *  with θ_B moved along all other axes, but not along this one. It is exact for any matrix that stands in P's place, and
 *  says how the loss would change if a little of B's feature j were added to that which meets A's feature i. The features
 *  of the moved B are those of B in the order of π, so that B need not be moved back: columns are.
 *  @param permutation π of the axis.
 *  @returns f32 `[d, d]`, row = feature of A, column = feature of B as it was.
 *  @see Ainsworth, Hayase & Srinivasa (2023), Git Re-Basin, §3.3.
 */
export async function permutationGradient(
  axis: Pick<PermutableAxis, 'members' | 'size'>,
  permutation: Permutation,
  { lambda, moved, gradients }: PathPoint,
  product: MatrixProduct,
): Promise<Tensor> {
  const { size } = axis
  const similarity = await featureSimilarity(gradients, moved, axis, product)
  const data = new Float32Array(size * size)
  for (let i = 0; i < size; i++) {
    for (let j = 0; j < size; j++) data[i * size + permutation[j]!] = (1 - lambda) * similarity[i * size + j]!
  }
  return { shape: [size, size], data }
}
