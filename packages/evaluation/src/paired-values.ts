import { ShapeError, UserError } from '@isthmus/tensor'

/** Values that are compared pairwise: predictions with labels. */
export type Values = ArrayLike<number>

/** Check that there is one prediction for each label, and at least `least` of them.
 *
 *  @throws {ShapeError} when the lengths differ.
 *  @throws {UserError} when there are too few.
 */
export function assertPaired(predictions: Values, labels: Values, least = 1): void {
  if (predictions.length !== labels.length) {
    throw new ShapeError(`expected one prediction for each of ${labels.length} labels, found ${predictions.length}`)
  }
  if (labels.length >= least) return
  throw new UserError(
    `a score needs at least ${least} predictions, but there are ${labels.length}; use more of the data`,
  )
}
