import { ShapeError } from './errors.ts'
import type { Tensor } from './tensor.ts'

/** The weighted mean of tensors of one shape, a new tensor.
 *
 *      out = Σ_k w_k x_k
 *
 *  The sum is in f64, in the order of the tensors, and rounded once to f32. A tensor of weight 0 is left out, and one of
 *  weight 1 by itself is copied to the bit; of two tensors it is `lerp`.
 *  @param weights One a tensor; they should sum to 1.
 *  @throws {ShapeError} when there is no tensor, another number of weights, or when shapes differ.
 */
export function weightedMean(tensors: readonly Tensor[], weights: readonly number[]): Tensor {
  const [first] = tensors
  if (first === undefined || weights.length !== tensors.length) {
    throw new ShapeError(
      `a mean of ${tensors.length} tensors needs as many weights, and at least one; found ${weights.length}`,
    )
  }
  for (const { shape } of tensors) {
    if (shape.join() === first.shape.join()) continue
    throw new ShapeError(
      `cannot average shapes [${first.shape.join(', ')}] and [${shape.join(', ')}]: they must be equal`,
    )
  }
  const terms = tensors.map(({ data }, k) => ({ data, weight: weights[k]! })).filter(({ weight }) => weight !== 0)
  const data = new Float32Array(first.data.length)
  const [start, ...rest] = terms
  if (start !== undefined && rest.length === 0 && start.weight === 1) data.set(start.data)
  else if (start !== undefined) {
    for (let i = 0; i < data.length; i++) {
      let sum = start.weight * start.data[i]!
      for (const term of rest) sum += term.weight * term.data[i]!
      data[i] = sum
    }
  }
  return { shape: first.shape, data }
}
