/** The slow, obvious way to round: search all finite values of a 16-bit format for the nearest.
 *
 *  @param valueAt The value of a non-negative bit pattern, by its definition in IEEE 754.
 *  @param infinity The bit pattern of +∞; the finite patterns are those below.
 */
export function nearestEvenOracle(valueAt: (bits: number) => number, infinity: number): (value: number) => number {
  const finite = Array.from({ length: infinity }, (_, bits) => valueAt(bits))
  const largest = finite[infinity - 1]!
  /** Where the next value would be if the exponent went on: halfway to it, rounding overflows. */
  const beyond = largest + (largest - finite[infinity - 2]!)
  return (value) => {
    const sign = value < 0 || Object.is(value, -0) ? 0x8000 : 0
    const magnitude = Math.abs(value)
    if (magnitude === Infinity) return sign | infinity
    let upper = finite.findIndex((candidate) => candidate >= magnitude)
    if (upper === -1) upper = infinity
    if (upper === 0) return sign
    const below = magnitude - finite[upper - 1]!
    const above = (upper === infinity ? beyond : finite[upper]!) - magnitude
    if (below !== above) return sign | (below < above ? upper - 1 : upper)
    return sign | (upper % 2 === 0 ? upper : upper - 1)
  }
}

/** The value of a non-negative pattern of a binary format with the given fraction bits and exponent bias. */
export function ieeeValue(bits: number, fractionBits: number, bias: number): number {
  const exponent = bits >> fractionBits
  const fraction = (bits & ((1 << fractionBits) - 1)) / 2 ** fractionBits
  return exponent === 0 ? fraction * 2 ** (1 - bias) : (1 + fraction) * 2 ** (exponent - bias)
}

/** The f32 neighbours of each halfway point between two finite values, and the points themselves where f32 has them. */
export function aroundMidpoints(valueAt: (bits: number) => number, infinity: number, step: number): Float32Array {
  const values: number[] = []
  for (let bits = 0; bits + 1 < infinity; bits += step) {
    const midpoint = Float32Array.of((valueAt(bits) + valueAt(bits + 1)) / 2)
    const word = new Uint32Array(midpoint.buffer)[0]!
    const near = new Float32Array(Uint32Array.of(word - 1, word, word + 1).buffer)
    values.push(...near, ...near.map((value) => -value))
  }
  return Float32Array.from(values)
}
