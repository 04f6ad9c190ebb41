import { ShapeError } from './errors.ts'

/** Widen bfloat16, the upper half of an f32, to f32, exactly; the sign and payload of a NaN are kept.
 *
 *  @param bits The bit patterns; not modified.
 *  @param out Where the result goes, of the same length. A new array when omitted.
 *  @throws {ShapeError} when the lengths differ.
 */
export function decodeBfloat16(bits: Uint16Array, out: Float32Array = new Float32Array(bits.length)): Float32Array {
  if (out.length !== bits.length) {
    throw new ShapeError(`cannot decode ${bits.length} bfloat16 values into an array of ${out.length}`)
  }
  const words = new Uint32Array(out.buffer, out.byteOffset, out.length)
  for (let i = 0; i < bits.length; i++) words[i] = bits[i]! << 16
  return out
}

/** Round f32 to bfloat16: to nearest, ties to even, through the subnormals.
 *
 *  What rounds past the largest bfloat16 becomes infinity. A NaN stays one, with the upper seven bits of its payload.
 *  @param values Not modified.
 *  @returns The bit patterns.
 */
export function encodeBfloat16(values: Float32Array): Uint16Array {
  const words = new Uint32Array(values.buffer, values.byteOffset, values.length)
  const bits = new Uint16Array(values.length)
  for (let i = 0; i < bits.length; i++) {
    const word = words[i]!
    const upper = word >>> 16
    if ((word & 0x7fffffff) > 0x7f800000) bits[i] = (upper & 0x7f) === 0 ? upper | 0x40 : upper
    else bits[i] = (word + 0x7fff + (upper & 1)) >>> 16
  }
  return bits
}
