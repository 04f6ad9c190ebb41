import { type Tensor, UserError } from '@isthmus/tensor'
import type { EncodedTask } from './encode-task.ts'
import type { EvaluationBatch } from './evaluation-batch.ts'
import { type PaddedBatch, type PaddedBatchesOptions, paddedBatch, paddedBatches } from './padded-batches.ts'

/** Some rows of a task as one feed, with the label of each to be predicted: to evaluate on, or to read features from. */
export interface TaskBatch extends PaddedBatch, EvaluationBatch {
  readonly feeds: PaddedBatch['feeds'] & {
    /** Shape `[batch]`: indices of classes, or scores. */
    readonly labels: Tensor<Int32Array> | Tensor<Float32Array>
  }
}

type PadOptions = Pick<PaddedBatchesOptions, 'padId'>

/** Go through all rows of a task in batches with little padding, as {@link paddedBatches} groups them.
 *
 *  A batch's `sequences` are the rows that it holds, so that predictions can be put in the order of the task.
 *  @throws {UserError} when `tokensPerBatch` is not a whole number of at least 1.
 */
export function* taskBatches(
  task: EncodedTask,
  options: Pick<PaddedBatchesOptions, 'tokensPerBatch' | 'padId'>,
): Generator<TaskBatch, void> {
  const ids = task.texts.map((text) => text.ids)
  const firstTypeLengths = task.texts.map(({ firstTypeLength }) => firstTypeLength)
  for (const batch of paddedBatches(ids, { ...options, firstTypeLengths })) {
    yield labelled(batch, task.labels)
  }
}

/** Some rows of a task as one batch, padded to the longest, in the order given: a step of training.
 *
 *  @param rows Indices of the task's texts.
 *  @throws {UserError} when there are none, or one is out of range.
 */
export function taskBatch(task: EncodedTask, rows: readonly number[], { padId = 0 }: PadOptions = {}): TaskBatch {
  const wrong = rows.find((row) => task.texts[row] === undefined)
  if (rows.length === 0 || wrong !== undefined) {
    const found = wrong === undefined ? 'none' : `row ${wrong}`
    throw new UserError(
      `a batch needs rows from 0 to ${task.texts.length - 1} of the task ${task.task}, found ${found}`,
    )
  }
  const texts = rows.map((row) => task.texts[row]!)
  const batch = paddedBatch(
    texts.map(({ ids }) => ids),
    rows.map((_, i) => i),
    { padId, firstTypeLengths: texts.map(({ firstTypeLength }) => firstTypeLength) },
  )
  return labelled({ ...batch, sequences: Int32Array.from(rows) }, task.labels)
}

function labelled(batch: PaddedBatch, labels: EncodedTask['labels']): TaskBatch {
  const shape = [batch.sequences.length]
  const own =
    labels instanceof Int32Array
      ? { shape, data: Int32Array.from(batch.sequences, (row) => labels[row]!) }
      : { shape, data: Float32Array.from(batch.sequences, (row) => labels[row]!) }
  return { ...batch, feeds: { ...batch.feeds, labels: own }, predictions: batch.sequences.length }
}
