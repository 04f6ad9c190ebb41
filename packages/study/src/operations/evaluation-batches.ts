import {
  blockBatches,
  type EvaluationBatch,
  imageBatches,
  type LabelledBlocks,
  nextTokenLabels,
  readImageTable,
  readMaskedBlocks,
  readTokenBlocks,
} from '@isthmus/corpus'
import type { InputArtifact } from '@isthmus/dataflow'
import type { EvaluationSetValue, ImagesValue } from './artifacts.ts'

/** Blocks, or images, in one forward pass: enough for the matrix products to be large, few enough to stay in the cache. */
export const batchSize = 16

/** An evaluation set as batches, and how many they are at most. */
export interface EvaluationBatches {
  readonly batches: Iterable<EvaluationBatch>
  readonly total: number
}

/** Read an evaluation set, of whatever objective. */
export async function evaluationBatches(set: InputArtifact<EvaluationSetValue>): Promise<EvaluationBatches> {
  const { value } = set
  if ('images' in value) {
    const images = await readImageTable(await set.path('images'))
    return { batches: imageBatches(images, batchSize), total: Math.ceil(value.images / batchSize) }
  }
  const blocks = await readLabelledBlocks(set, value)
  return { batches: blockBatches(blocks, batchSize), total: Math.ceil(value.blocks / batchSize) }
}

/** Read an evaluation set of text, of whatever objective.
 *
 *  @param value That of the set.
 */
export async function readLabelledBlocks(
  set: InputArtifact,
  value: Exclude<EvaluationSetValue, ImagesValue>,
): Promise<LabelledBlocks> {
  const path = await set.path('blocks')
  if ('selected' in value) return readMaskedBlocks(path)
  const { inputIds } = await readTokenBlocks(path)
  return { inputIds, labels: nextTokenLabels(inputIds) }
}
