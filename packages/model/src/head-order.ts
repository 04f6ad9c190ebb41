import { type Permutation, permutation } from '@isthmus/tensor'

/** The order in which a permutation of `numHeads` heads of equal size leaves the heads.
 *
 *  @param p Size `numHeads · headSize`.
 *  @returns σ, so that head j of the result is head σ(j), its features in any order; null when `p` breaks a head up.
 */
export function headOrder(p: Permutation, numHeads: number): Permutation | null {
  const headSize = p.length / numHeads
  const order = Int32Array.from({ length: numHeads }, (_, head) => Math.floor(p[head * headSize]! / headSize))
  const whole = p.every((from, to) => Math.floor(from / headSize) === order[Math.floor(to / headSize)])
  return whole ? permutation(order) : null
}
