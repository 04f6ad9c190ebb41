import { assertPaired, type Values } from './paired-values.ts'

/** The correlation of predicted with actual classes, of two classes or more.
 *
 *      R_K = (c n − Σ_k p_k t_k) / √((n² − Σ_k p_k²) (n² − Σ_k t_k²))
 *
 *  with c right predictions of n, class k predicted p_k times and labelled t_k times; of two classes this is
 *  (TP·TN − FP·FN) / √((TP+FP)(TP+FN)(TN+FP)(TN+FN)). Where all predictions are one class, or all labels are, the
 *  denominator is 0 and so is the result, as scikit-learn's `matthews_corrcoef` has it.
 *  @param predictions Indices of classes, shape `[n]`.
 *  @param labels Indices of classes, shape `[n]`.
 *  @returns From −1 to 1; 0 is what guessing gives.
 *  @throws {ShapeError} when the lengths differ.
 *  @throws {UserError} when there is nothing to score.
 *  @see Matthews (1975), Comparison of the predicted and observed secondary structure of T4 phage lysozyme; Gorodkin
 *    (2004), Comparing two K-category assignments by a K-category correlation coefficient, eq. (8).
 */
export function matthewsCorrelation(predictions: Values, labels: Values): number {
  assertPaired(predictions, labels)
  const counts = new Map<number, { predicted: number; actual: number }>()
  const countOf = (label: number) => {
    const count = counts.get(label) ?? { predicted: 0, actual: 0 }
    counts.set(label, count)
    return count
  }
  const n = labels.length
  let right = 0
  for (let i = 0; i < n; i++) {
    countOf(predictions[i]!).predicted++
    countOf(labels[i]!).actual++
    right += Number(predictions[i] === labels[i])
  }
  let [products, predictedSquares, actualSquares] = [0, 0, 0]
  for (const { predicted, actual } of counts.values()) {
    products += predicted * actual
    predictedSquares += predicted * predicted
    actualSquares += actual * actual
  }
  const denominator = Math.sqrt(n * n - predictedSquares) * Math.sqrt(n * n - actualSquares)
  return denominator === 0 ? 0 : Math.min(1, Math.max(-1, (right * n - products) / denominator))
}
