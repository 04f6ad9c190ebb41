import type { Tensor } from '@isthmus/tensor'
import { assertBatchSize } from './block-batches.ts'
import type { EvaluationBatch } from './evaluation-batch.ts'
import type { FeatureBatch } from './feature-batch.ts'
import { normalizedValues } from './image-preprocessing.ts'
import type { ImageTable } from './image-table.ts'

/** Some images as one feed, with the class of each to be predicted. */
export interface ImageBatch extends EvaluationBatch {
  readonly feeds: {
    /** Shape `[batch, 3, size, size]`, preprocessed. */
    readonly pixelValues: Tensor<Float32Array>
    /** Shape `[batch]`. */
    readonly labels: Tensor<Int32Array>
  }
}

/** Go through images in order, `batchSize` at a time; the last batch may be smaller. Batches are made when asked for.
 *
 *  @throws {UserError} when `batchSize` is not a whole number of at least 1.
 */
export function* imageBatches(table: ImageTable, batchSize: number): Generator<ImageBatch, void> {
  assertBatchSize(batchSize)
  const { pixels, labels } = table
  const values = normalizedValues(table.preprocessing)
  const [count, channels, size] = pixels.shape as [number, number, number]
  const pixelsOfChannel = size * size
  for (let first = 0; first < count; first += batchSize) {
    const batch = Math.min(batchSize, count - first)
    const own = pixels.data.subarray(first * channels * pixelsOfChannel, (first + batch) * channels * pixelsOfChannel)
    const data = Float32Array.from(
      own,
      (pixel, i) => values[256 * (Math.floor(i / pixelsOfChannel) % channels) + pixel]!,
    )
    yield {
      feeds: {
        pixelValues: { shape: [batch, ...pixels.shape.slice(1)], data },
        labels: { shape: [batch], data: labels.subarray(first, first + batch) },
      },
      predictions: batch,
    }
  }
}

/** Go through images as {@link imageBatches} does, to read features at every position of every image.
 *
 *  @param positions Positions of an image: its patches, and what the model puts before them.
 */
export function* imageFeatureBatches(
  table: ImageTable,
  { batchSize, positions }: { readonly batchSize: number; readonly positions: number },
): Generator<FeatureBatch, void> {
  let next = 0
  for (const { feeds, predictions: batch } of imageBatches(table, batchSize)) {
    yield {
      feeds: { pixelValues: feeds.pixelValues },
      sequences: Int32Array.from({ length: batch }, (_, i) => next + i),
      length: positions,
      positions: Int32Array.from({ length: batch * positions }, (_, i) => i),
    }
    next += batch
  }
}
