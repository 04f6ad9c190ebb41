import type { TaskMetric } from '@isthmus/corpus'
import { ShapeError, type Tensor } from '@isthmus/tensor'
import { accuracy } from './accuracy.ts'
import { f1Score } from './f1-score.ts'
import { matthewsCorrelation } from './matthews-correlation.ts'
import type { Values } from './paired-values.ts'
import { pearsonCorrelation } from './pearson-correlation.ts'
import { spearmanCorrelation } from './spearman-correlation.ts'

/** The measures of tasks by name: GLUE's. Higher is better for all. */
export const metrics: Readonly<Record<TaskMetric, (predictions: Values, labels: Values) => number>> = {
  accuracy,
  f1: f1Score,
  matthews: matthewsCorrelation,
  pearson: pearsonCorrelation,
  spearman: spearmanCorrelation,
}

/** Score predictions by the metrics of a task.
 *
 *  @param names The task's metrics.
 *  @param predictions Indices of classes, or scores, shape `[n]`.
 *  @param labels Likewise.
 *  @returns A score for each metric, in the order of the names.
 *  @throws {ShapeError} when the lengths differ.
 *  @throws {UserError} when there are too few predictions for a metric.
 *  @see Wang et al. (2019), GLUE, table 1.
 */
export function taskScores(
  names: readonly TaskMetric[],
  predictions: Values,
  labels: Values,
): Partial<Record<TaskMetric, number>> {
  return Object.fromEntries(names.map((name) => [name, metrics[name](predictions, labels)]))
}

/** What a head predicts: of several logits the index of the highest, of several equal ones the first; a single one is the
 *  score itself.
 *
 *  @param logits Shape `[n, classes]`, or `[n, 1]` of a regression.
 *  @returns Shape `[n]`.
 *  @throws {ShapeError} when the logits have another shape.
 */
export function predictionsOf({ shape, data }: Tensor<Float32Array>): Float64Array {
  const [n, classes] = shape as [number, number]
  if (shape.length !== 2 || classes < 1) throw new ShapeError(`expected logits [n, classes], found [${shape}]`)
  return Float64Array.from({ length: n }, (_, row) => {
    const own = data.subarray(row * classes, (row + 1) * classes)
    return classes === 1 ? own[0]! : own.indexOf(own.reduce((best, value) => Math.max(best, value)))
  })
}
