import { randomStream } from '@isthmus/corpus'

/** Draw what values are multiplied by under dropout: 0 with the probability `rate`, else `1 / (1 − rate)`.
 *
 *  Rates are taken to the next 2⁻¹⁶: two masks' elements come of each draw of 32 bits.
 *  @param size Elements of the mask.
 *  @param purpose What the mask is for, e.g. the step and the node: masks of different purposes are independent.
 *  @see Srivastava et al. (2014), Dropout, section 4.
 */
export function dropoutMask(
  size: number,
  rate: number,
  seed: number,
  ...purpose: readonly (string | number)[]
): Float32Array {
  const stream = randomStream(seed, 'dropout', ...purpose)
  const threshold = Math.round(rate * 65536)
  const kept = 65536 / (65536 - threshold)
  const mask = new Float32Array(size)
  for (let i = 0; i < size; i += 2) {
    const bits = stream.bits()
    mask[i] = (bits & 0xffff) < threshold ? 0 : kept
    mask[i + 1] = bits >>> 16 < threshold ? 0 : kept
  }
  return mask
}
