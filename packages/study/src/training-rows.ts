import type { TrainingRow } from '@isthmus/results'
import type { TrainingCurvePoint } from '@isthmus/training'

/** The rows of one training.
 *
 *  @param place Of whom it is the curve.
 */
export function trainingRows(
  curve: readonly TrainingCurvePoint[],
  place: Pick<TrainingRow, 'study' | 'run' | 'variant' | 'model' | 'key'>,
): TrainingRow[] {
  return curve.map((point) => ({ ...place, ...point }))
}
