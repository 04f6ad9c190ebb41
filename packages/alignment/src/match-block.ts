import { type CostMatrix, linearSumAssignment } from '@isthmus/assignment'
import { type Permutation, permutation } from '@isthmus/tensor'
import type { AxisBlock } from './axis-blocks.ts'
import { headPermutation, matchHeadGroup } from './match-heads.ts'

/** The permutations of a block's axes that score best, exactly.
 *
 *      argmax_π Σ_axis Σ_i S_axis[i, π_axis(i)]
 *
 *  Axes with heads move these in one order, by Algorithm 1 on the sum of their scores, and features within.
 *  @param scores S of each axis, `[d, d]`, row = feature of A.
 *  @returns One for each axis, all in the graph's symmetry group.
 */
export function matchBlock(block: AxisBlock, scores: readonly CostMatrix[]): Permutation[] {
  const [{ heads, size }] = block as [AxisBlock[number]]
  if (heads === null) return [permutation(linearSumAssignment(scores[0]!, size, { maximize: true }).assignment)]
  const matrices = block.map((axis, index) => ({ matrix: scores[index]!, rows: axis.size }))
  return matchHeadGroup(matrices, heads.numHeads).map(headPermutation)
}
