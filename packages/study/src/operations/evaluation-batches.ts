import {
  blockBatches,
  type EvaluationBatch,
  imageBatches,
  nextTokenLabels,
  readImageTable,
  readMaskedBlocks,
  readTokenBlocks,
} from '@isthmus/corpus'
import type { InputArtifact } from '@isthmus/dataflow'
import type { EvaluationSetValue } from './artifacts.ts'

/** Blocks, or images, in one forward pass: enough for the matrix products to be large, few enough to stay in the cache. */
const batchSize = 16

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
  const path = await set.path('blocks')
  const blocks = 'selected' in value ? await readMaskedBlocks(path) : await readNextTokenBlocks(path)
  return { batches: blockBatches(blocks, batchSize), total: Math.ceil(value.blocks / batchSize) }
}

async function readNextTokenBlocks(path: string) {
  const { inputIds } = await readTokenBlocks(path)
  return { inputIds, labels: nextTokenLabels(inputIds) }
}
