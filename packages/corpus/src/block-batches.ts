import { type Tensor, UserError } from '@isthmus/tensor'
import { IGNORED_LABEL, type MaskedBlocks } from './mask-tokens.ts'

/** Some masked blocks as one feed. Names are those of the graph's inputs. */
export interface BlockBatch {
  /** Shape `[batch, blockSize]`, a view of the blocks. */
  readonly inputIds: Tensor<Int32Array>
  /** All 0, shape `[batch, blockSize]`. */
  readonly tokenTypeIds: Tensor<Int32Array>
  /** The positions that have a loss, as flat indices of `[batch · blockSize]`, increasing, shape `[selected]`. */
  readonly selectedPositions: Tensor<Int32Array>
  /** The original ids at `selectedPositions`, shape `[selected]`. */
  readonly labels: Tensor<Int32Array>
}

/** Go through masked blocks in order, `batchSize` at a time; the last batch may be smaller.
 *
 *  A batch in which no position is selected has no loss and is left out. Batches are made when asked for.
 *  @throws {UserError} when `batchSize` is not a whole number of at least 1.
 */
export function* blockBatches(
  masked: Pick<MaskedBlocks, 'inputIds' | 'labels'>,
  batchSize: number,
): Generator<BlockBatch, void> {
  if (!Number.isSafeInteger(batchSize) || batchSize < 1) {
    throw new UserError(`batchSize must be a whole number of at least 1, but it is ${batchSize}`)
  }
  const [count, blockSize] = masked.inputIds.shape as [number, number]
  for (let first = 0; first < count; first += batchSize) {
    const size = Math.min(batchSize, count - first)
    const [start, end] = [first * blockSize, (first + size) * blockSize]
    const labels = masked.labels.data.subarray(start, end)
    const positions = Int32Array.from(labels.keys()).filter((i) => labels[i] !== IGNORED_LABEL)
    if (positions.length === 0) continue
    yield {
      inputIds: { shape: [size, blockSize], data: masked.inputIds.data.subarray(start, end) },
      tokenTypeIds: { shape: [size, blockSize], data: new Int32Array(size * blockSize) },
      selectedPositions: { shape: [positions.length], data: positions },
      labels: { shape: [positions.length], data: positions.map((i) => labels[i]!) },
    }
  }
}
