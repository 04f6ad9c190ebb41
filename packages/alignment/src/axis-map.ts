import { type ParameterAxis, permuteMember } from '@isthmus/model'
import { type Permutation, type Tensor, transportAxis } from '@isthmus/tensor'

/** How the features of an axis are moved: put into another order, or each replaced by a mean of several.
 *
 *  A tensor is a soft transport T `[d, d]` whose rows sum to 1: `B'[i] = Σ_j T[i, j] B[j]`.
 */
export type AxisMap = Permutation | Tensor

/** Move a parameter along one of its axes, or within the segment of it that is a member of a permutable axis.
 *
 *  @param value The parameter; not modified.
 *  @param map Of the size of the axis or the segment.
 *  @throws {UserError} when the parameter has no such axis, or the map another size.
 */
export function moveMember(value: Tensor, member: ParameterAxis, map: AxisMap): Tensor {
  if (map instanceof Int32Array) return permuteMember(value, member, map)
  return transportAxis(value, member.axis, map, member.segment?.offset)
}
