import type { Weights } from '@isthmus/engine'
import { lerp, type Tensor, UserError } from '@isthmus/tensor'
import type { ParameterReader } from './parameter-reader.ts'

/** The model on the line between two models.
 *
 *      θ_λ = λ θ_A + (1 − λ) θ_B'
 *
 *  Streams: one parameter of A and one of B are in memory beside the result, so the peak is one model and two tensors.
 *  λ = 1 gives A and λ = 0 gives B' to the bit.
 *  @param into Weights of an earlier λ whose buffers are overwritten, so that a curve allocates one model.
 *  @see Verma & Elbayad (2024), §3; Frankle et al. (2020), Linear mode connectivity.
 */
export async function interpolate(
  a: ParameterReader,
  b: ParameterReader,
  lambda: number,
  names: Iterable<string>,
  into?: Weights,
): Promise<Weights> {
  assertLambda(lambda)
  const merged = new Map<string, Tensor>()
  for (const name of names) {
    const [left, right] = [await a(name), await b(name)]
    merged.set(name, lerp(left, right, lambda, into?.get(name) ?? left))
  }
  return merged
}

/** @throws {UserError} when λ is not in [0, 1]. */
export function assertLambda(lambda: number): void {
  if (!(lambda >= 0 && lambda <= 1)) {
    throw new UserError(`λ must be between 0 (model B) and 1 (model A), found ${lambda}`)
  }
}
