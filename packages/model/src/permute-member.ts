import { type NumericArray, type Permutation, permutation, permuteAxis, type Tensor, UserError } from '@isthmus/tensor'
import type { ParameterAxis } from './symmetries.ts'

/** Permute a parameter along one of its axes, or within the segment of it that is a member of a permutable axis.
 *
 *  @param value The parameter; not modified.
 *  @param p Of the size of the axis or the segment.
 *  @returns A tensor that shares no buffer with `value`.
 *  @throws {UserError} when the parameter has no such axis, or `p` another length.
 */
export function permuteMember<Data extends NumericArray>(
  value: Tensor<Data>,
  { parameter, axis, segment }: ParameterAxis,
  p: Permutation,
): Tensor<Data> {
  if (segment === undefined) return permuteAxis(value, axis, p)
  const { offset, size } = segment
  if (p.length !== size) {
    throw new UserError(
      `a segment of axis ${axis} of '${parameter}' has ${size} features, but the permutation is of ${p.length}`,
    )
  }
  const whole = Int32Array.from({ length: value.shape[axis] ?? 0 }, (_, i) => i)
  for (const [i, from] of p.entries()) whole[offset + i] = offset + from
  return permuteAxis(value, axis, permutation(whole))
}
