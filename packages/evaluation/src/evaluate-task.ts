import type { TaskBatch, TaskMetric } from '@isthmus/corpus'
import type { Program, Weights } from '@isthmus/engine'
import type { Tensor } from '@isthmus/tensor'
import { evaluationLoss, type Loss } from './evaluation-loss.ts'
import { predictionsOf, taskScores } from './task-scores.ts'

/** How well a model does on a task. */
export interface TaskEvaluation extends Loss {
  /** A score for each metric that was asked for. */
  readonly scores: Partial<Record<TaskMetric, number>>
}

/** The loss of a model on a task and its scores, from one pass over the batches.
 *
 *  @param program The graph of a classifier, compiled for `negativeLogLikelihood` and `logits`.
 *  @param metrics The task's.
 *  @param onBatch Called after each batch with the number of batches done.
 *  @throws {UserError} as `evaluationLoss` and `taskScores`.
 *  @see Verma & Elbayad (2024), §5; Wang et al. (2019), GLUE, table 1.
 */
export async function evaluateTask(
  program: Program,
  weights: Weights,
  batches: Iterable<TaskBatch>,
  metrics: readonly TaskMetric[],
  onBatch?: (done: number) => void,
): Promise<TaskEvaluation> {
  const predictions: number[] = []
  const labels: number[] = []
  const loss = await evaluationLoss(program, weights, batches, (done, { feeds }, { logits }) => {
    predictions.push(...predictionsOf(logits as Tensor<Float32Array>))
    labels.push(...feeds.labels.data)
    onBatch?.(done)
  })
  return { ...loss, scores: taskScores(metrics, predictions, labels) }
}
