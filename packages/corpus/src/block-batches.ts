import { type Tensor, UserError } from '@isthmus/tensor'
import type { EvaluationBatch } from './evaluation-batch.ts'
import { IGNORED_LABEL } from './mask-tokens.ts'

/** Blocks of tokens, and the label of every position that has a loss. */
export interface LabelledBlocks {
  /** What the model reads, shape `[blocks, blockSize]`. */
  readonly inputIds: Tensor<Int32Array>
  /** The token to be predicted at a position, −100 where none is, shape `[blocks, blockSize]`. */
  readonly labels: Tensor<Int32Array>
}

/** Some labelled blocks as one feed. */
export interface BlockBatch extends EvaluationBatch {
  readonly feeds: {
    /** Shape `[batch, blockSize]`, a view of the blocks. */
    readonly inputIds: Tensor<Int32Array>
    /** All 0, shape `[batch, blockSize]`. */
    readonly tokenTypeIds: Tensor<Int32Array>
    /** The positions that have a loss, as flat indices of `[batch · blockSize]`, increasing, shape `[predictions]`. */
    readonly selectedPositions: Tensor<Int32Array>
    /** The labels at `selectedPositions`, shape `[predictions]`. */
    readonly labels: Tensor<Int32Array>
  }
}

/** Go through labelled blocks in order, `batchSize` at a time; the last batch may be smaller.
 *
 *  A batch in which no position has a label has no loss and is left out. Batches are made when asked for.
 *  @throws {UserError} when `batchSize` is not a whole number of at least 1.
 */
export function* blockBatches({ inputIds, labels }: LabelledBlocks, batchSize: number): Generator<BlockBatch, void> {
  assertBatchSize(batchSize)
  const [count, blockSize] = inputIds.shape as [number, number]
  for (let first = 0; first < count; first += batchSize) {
    const size = Math.min(batchSize, count - first)
    const [start, end] = [first * blockSize, (first + size) * blockSize]
    const own = labels.data.subarray(start, end)
    const positions = Int32Array.from(own.keys()).filter((i) => own[i] !== IGNORED_LABEL)
    if (positions.length === 0) continue
    yield {
      feeds: {
        inputIds: { shape: [size, blockSize], data: inputIds.data.subarray(start, end) },
        tokenTypeIds: { shape: [size, blockSize], data: new Int32Array(size * blockSize) },
        selectedPositions: { shape: [positions.length], data: positions },
        labels: { shape: [positions.length], data: positions.map((i) => own[i]!) },
      },
      predictions: positions.length,
    }
  }
}

/** @throws {UserError} when a batch size is not a whole number of at least 1. */
export function assertBatchSize(batchSize: number): void {
  if (Number.isSafeInteger(batchSize) && batchSize >= 1) return
  throw new UserError(`batchSize must be a whole number of at least 1, but it is ${batchSize}`)
}
