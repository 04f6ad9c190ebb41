import { assertPaired, type Values } from './paired-values.ts'
import { pearsonCorrelation } from './pearson-correlation.ts'

/** The correlation of the ranks of predicted with those of actual scores: how far the order is right.
 *
 *      ρ = r(rank(ŷ), rank(y))
 *
 *  Equal scores share the mean of their ranks. Where all predictions are equal, or all labels are, it is undefined: NaN,
 *  as SciPy's `spearmanr` has it, which GLUE is scored with. A score that is NaN makes it NaN too.
 *  @param predictions Scores, shape `[n]`.
 *  @param labels Scores, shape `[n]`.
 *  @returns From −1 to 1, or NaN.
 *  @throws {ShapeError} when the lengths differ.
 *  @throws {UserError} when there are fewer than two scores.
 *  @see Spearman (1904), The Proof and Measurement of Association between Two Things.
 */
export function spearmanCorrelation(predictions: Values, labels: Values): number {
  assertPaired(predictions, labels, 2)
  return pearsonCorrelation(averageRanks(predictions), averageRanks(labels))
}

/** Ranks from 1 on; equal values share the mean of theirs, and all are NaN where a value is. */
function averageRanks(values: Values): Float64Array {
  const own = Float64Array.from(values)
  const ranks = new Float64Array(own.length)
  if (own.some(Number.isNaN)) return ranks.fill(Number.NaN)
  const order = Array.from(own.keys()).sort((a, b) => Math.sign(own[a]! - own[b]!) || 0)
  for (let start = 0, end = 0; start < order.length; start = end) {
    while (end < order.length && own[order[end]!] === own[order[start]!]) end++
    for (let i = start; i < end; i++) ranks[order[i]!] = (start + 1 + end) / 2
  }
  return ranks
}
