import { assertPaired, type Values } from './paired-values.ts'

/** The harmonic mean of precision and recall, of two classes of which 1 is the positive one.
 *
 *      F₁ = 2 TP / (2 TP + FP + FN)
 *
 *  Where no label and no prediction is positive it is 0, as scikit-learn's `f1_score` has it. Any class but 1 counts as
 *  negative.
 *  @param predictions Indices of classes, shape `[n]`.
 *  @param labels Indices of classes, shape `[n]`.
 *  @returns From 0 to 1.
 *  @throws {ShapeError} when the lengths differ.
 *  @throws {UserError} when there is nothing to score.
 *  @see van Rijsbergen (1979), Information Retrieval, ch. 7.
 */
export function f1Score(predictions: Values, labels: Values): number {
  assertPaired(predictions, labels)
  let [truePositives, positives] = [0, 0]
  for (let i = 0; i < labels.length; i++) {
    const [predicted, actual] = [predictions[i] === 1, labels[i] === 1]
    truePositives += Number(predicted && actual)
    positives += Number(predicted) + Number(actual)
  }
  return positives === 0 ? 0 : (2 * truePositives) / positives
}
