import type { Tensor } from '@isthmus/tensor'

/** The norm of gradients over all parameters together, `√Σ g²`, summed in f64. */
export function gradientNorm(gradients: ReadonlyMap<string, Tensor>): number {
  let sum = 0
  for (const { data } of gradients.values()) for (let i = 0; i < data.length; i++) sum += data[i]! * data[i]!
  return Math.sqrt(sum)
}

/** What gradients are to be multiplied by for their norm to be at most `maxNorm`.
 *
 *  @param maxNorm Null: gradients stay as they are.
 *  @see Pascanu, Mikolov & Bengio (2013), On the difficulty of training recurrent neural networks, algorithm 1.
 */
export function clippingScale(gradients: ReadonlyMap<string, Tensor>, maxNorm: number | null): number {
  if (maxNorm === null) return 1
  const norm = gradientNorm(gradients)
  return norm > maxNorm ? maxNorm / norm : 1
}
