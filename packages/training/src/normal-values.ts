import type { RandomStream } from '@isthmus/corpus'

/** Independent draws of N(0, σ²), by the transform of Box and Muller.
 *
 *  @param standardDeviation σ.
 *  @see Box & Muller (1958), A Note on the Generation of Random Normal Deviates.
 */
export function normalValues(stream: RandomStream, size: number, standardDeviation = 1): Float64Array {
  return Float64Array.from({ length: size }, () => {
    const radius = Math.sqrt(-2 * Math.log(1 - stream.uniform()))
    return standardDeviation * radius * Math.cos(2 * Math.PI * stream.uniform())
  })
}
