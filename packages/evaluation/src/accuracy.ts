import { assertPaired, type Values } from './paired-values.ts'

/** The share of predictions that are the label.
 *
 *      accuracy = 1/n Σ_i [ŷ_i = y_i]
 *
 *  @param predictions Indices of classes, shape `[n]`.
 *  @param labels Indices of classes, shape `[n]`.
 *  @returns From 0 to 1.
 *  @throws {ShapeError} when the lengths differ.
 *  @throws {UserError} when there is nothing to score.
 */
export function accuracy(predictions: Values, labels: Values): number {
  assertPaired(predictions, labels)
  let right = 0
  for (let i = 0; i < labels.length; i++) right += Number(predictions[i] === labels[i])
  return right / labels.length
}
