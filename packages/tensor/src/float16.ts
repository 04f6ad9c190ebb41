import { ShapeError } from './errors.ts'

/** Widen IEEE 754 binary16 to f32, exactly; the sign and payload of a NaN are kept.
 *
 *  @param bits The halves' bit patterns; not modified.
 *  @param out Where the result goes, of the same length. A new array when omitted.
 *  @throws {ShapeError} when the lengths differ.
 */
export function decodeFloat16(bits: Uint16Array, out: Float32Array = new Float32Array(bits.length)): Float32Array {
  if (out.length !== bits.length) {
    throw new ShapeError(`cannot decode ${bits.length} halves into an array of ${out.length}`)
  }
  const words = new Uint32Array(out.buffer, out.byteOffset, out.length)
  for (let i = 0; i < bits.length; i++) words[i] = widen(bits[i]!)
  return out
}

/** Round f32 to IEEE 754 binary16: to nearest, ties to even, through the subnormals.
 *
 *  Magnitudes from 65,520 up become infinity. A NaN stays one, with the upper ten bits of its payload.
 *  @param values Not modified.
 *  @returns The halves' bit patterns.
 */
export function encodeFloat16(values: Float32Array): Uint16Array {
  const words = new Uint32Array(values.buffer, values.byteOffset, values.length)
  const bits = new Uint16Array(values.length)
  for (let i = 0; i < bits.length; i++) bits[i] = narrow(words[i]!)
  return bits
}

function widen(half: number): number {
  const sign = (half & 0x8000) << 16
  const exponent = (half >>> 10) & 0x1f
  const fraction = half & 0x3ff
  if (exponent === 0x1f) return sign | 0x7f800000 | (fraction << 13)
  if (exponent > 0) return sign | ((exponent + 112) << 23) | (fraction << 13)
  if (fraction === 0) return sign
  const shift = Math.clz32(fraction) - 21
  return sign | ((113 - shift) << 23) | (((fraction << shift) & 0x3ff) << 13)
}

function narrow(word: number): number {
  const sign = (word >>> 16) & 0x8000
  const magnitude = word & 0x7fffffff
  if (magnitude > 0x7f800000) return sign | 0x7c00 | ((magnitude >>> 13) & 0x3ff || 0x200)
  // 65,520: half a unit above the largest half.
  if (magnitude >= 0x477ff000) return sign | 0x7c00
  // 2⁻¹⁴, the smallest normal half. A carry out of the fraction rightly raises the exponent.
  if (magnitude >= 0x38800000) return sign | ((magnitude - 0x38000000 + 0xfff + ((magnitude >>> 13) & 1)) >>> 13)
  // 2⁻²⁵: half of the smallest subnormal.
  if (magnitude < 0x33000000) return sign
  const significand = (magnitude & 0x7fffff) | 0x800000
  const shift = 126 - (magnitude >>> 23)
  const quotient = significand >>> shift
  const remainder = significand & ((1 << shift) - 1)
  const half = 1 << (shift - 1)
  return sign | (quotient + (remainder > half || (remainder === half && (quotient & 1) === 1) ? 1 : 0))
}
