import type { CrossCorrelation } from '@isthmus/activations'
import { type CostMatrix, linearSumAssignment } from '@isthmus/assignment'
import { identityPermutation, type Permutation, permutation, UserError } from '@isthmus/tensor'

/** What pairing features is worth, `[rows, rows]`, row = feature of A: a correlation, say. */
export interface FeatureScores {
  readonly matrix: CostMatrix
  readonly rows: number
}

/** How the heads of two attention layers, and the features inside them, are paired. */
export interface HeadMatching {
  /** A's head j is paired with B's head `outer[j]`. */
  readonly outer: Permutation
  /** For each head of A, the permutation of the paired head's features, `[headSize]` each. */
  readonly inner: readonly Permutation[]
  /** Σ_j cost(j, outer(j)): the correlation that the matching reaches. */
  readonly total: number
}

/** Algorithm 1: pair features inside every pair of heads, then pair the heads.
 *
 *      cost(j, k) = max_π Σ_i C_jk[i, π(i)],   π_outer = argmax_π Σ_h cost(h, π(h))
 *
 *  C_jk is the block of C of A's head j and B's head k. Cost: H² assignments of size d_k and one of size H; with
 *  `monotonic`, H assignments.
 *  @param correlation C of the heads' contexts, `[H·d_k, H·d_k]`.
 *  @param pairing `assignment`: any head may be paired with any; `monotonic`: head j with head j.
 *  @see Verma & Elbayad (2024), Algorithm 1.
 */
export function matchHeads(
  correlation: CrossCorrelation,
  numHeads: number,
  pairing: 'assignment' | 'monotonic',
): HeadMatching {
  if (pairing === 'assignment') return matchHeadGroup([correlation], numHeads)[0]!
  assertWholeHeads(correlation, numHeads)
  return matchInsideHeads(correlation, identityPermutation(numHeads))
}

/** Algorithm 1 over several sets of features whose heads move in one order: their costs of a pair of heads are added.
 *
 *  @param scores What pairing A's feature i with B's feature j is worth, `[H·d_k, H·d_k]` for each set; the sets may
 *    differ in d_k.
 *  @returns One matching for each set, all with the same `outer`.
 */
export function matchHeadGroup(scores: readonly FeatureScores[], numHeads: number): HeadMatching[] {
  for (const one of scores) assertWholeHeads(one, numHeads)
  const costs = new Float64Array(numHeads * numHeads)
  for (let j = 0; j < numHeads; j++) {
    for (let k = 0; k < numHeads; k++) {
      for (const one of scores) costs[j * numHeads + k]! += matchHeadPair(one, numHeads, j, k).total
    }
  }
  const outer = permutation(linearSumAssignment(costs, numHeads, { maximize: true }).assignment)
  return scores.map((one) => matchInsideHeads(one, outer))
}

/** Pair features inside heads that are paired already. */
export function matchInsideHeads(scores: FeatureScores, outer: Permutation): HeadMatching {
  const blocks = [...outer].map((k, j) => matchHeadPair(scores, outer.length, j, k))
  return {
    outer,
    inner: blocks.map(({ assignment }) => permutation(assignment)),
    total: blocks.reduce((sum, { total }) => sum + total, 0),
  }
}

/** The permutation of all H·d_k features that a matching stands for: the paper's P_MHA. */
export function headPermutation({ outer, inner }: Pick<HeadMatching, 'outer' | 'inner'>): Permutation {
  const headSize = inner[0]!.length
  const full = new Int32Array(outer.length * headSize)
  for (let j = 0; j < outer.length; j++) {
    for (let i = 0; i < headSize; i++) full[j * headSize + i] = outer[j]! * headSize + inner[j]![i]!
  }
  return permutation(full)
}

function matchHeadPair({ matrix, rows }: FeatureScores, numHeads: number, j: number, k: number) {
  const size = rows / numHeads
  const block = new Float64Array(size * size)
  for (let i = 0; i < size; i++) {
    const start = (j * size + i) * rows + k * size
    block.set(matrix.subarray(start, start + size), i * size)
  }
  return linearSumAssignment(block, size, { maximize: true })
}

function assertWholeHeads({ rows }: FeatureScores, numHeads: number): void {
  if (rows % numHeads === 0) return
  throw new UserError(`${rows} attention features cannot be cut into ${numHeads} heads of one size`)
}
