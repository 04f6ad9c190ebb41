import {
  blockBatches,
  type EvaluationBatch,
  IGNORED_LABEL,
  imageBatches,
  type LabelledBlocks,
  randomStream,
  readImageTable,
  sampleWithoutReplacement,
} from '@isthmus/corpus'
import type { InputArtifact } from '@isthmus/dataflow'
import { type NumericArray, type Permutation, permutation, permuteAxis, type Tensor } from '@isthmus/tensor'
import type { EvaluationSetValue } from './artifacts.ts'
import { batchSize, readLabelledBlocks } from './evaluation-batches.ts'

/** An evaluation set in a random order. An image is a block of its own. */
export interface DrawnBlocks {
  /** How many predictions each block has, in that order. */
  readonly predictions: Int32Array
  /** Tokens a block, or 1 of images. */
  readonly tokens: number
  /** The blocks `from` … `to − 1`. The batches of two ranges are those of both in one where `from` is a multiple of the
   *  batch size.
   */
  batches(from: number, to: number): Iterable<EvaluationBatch>
}

/** Draw the blocks of an evaluation set in the order of a seed, the same for all models. */
export async function drawnBlocks(set: InputArtifact<EvaluationSetValue>, seed: number): Promise<DrawnBlocks> {
  if (!('images' in set.value)) return drawnTexts(await readLabelledBlocks(set, set.value), seed)
  const table = await readImageTable(await set.path('images'))
  const order = randomOrder(table.labels.length, seed)
  const pixels = permuteAxis(table.pixels, 0, order)
  const labels = Int32Array.from(order, (image) => table.labels[image]!)
  const part = (from: number, to: number) => ({
    ...table,
    labels: labels.subarray(from, to),
    pixels: rows(pixels, from, to),
  })
  return {
    predictions: new Int32Array(labels.length).fill(1),
    tokens: 1,
    batches: (from, to) => imageBatches(part(from, to), batchSize),
  }
}

function drawnTexts(blocks: LabelledBlocks, seed: number): DrawnBlocks {
  const [count, blockSize] = blocks.inputIds.shape as [number, number]
  const order = randomOrder(count, seed)
  const [inputIds, labels] = [permuteAxis(blocks.inputIds, 0, order), permuteAxis(blocks.labels, 0, order)]
  const predictions = new Int32Array(count)
  for (const [i, label] of labels.data.entries()) {
    if (label !== IGNORED_LABEL) predictions[Math.floor(i / blockSize)]!++
  }
  const part = (from: number, to: number) => ({ inputIds: rows(inputIds, from, to), labels: rows(labels, from, to) })
  return { predictions, tokens: blockSize, batches: (from, to) => blockBatches(part(from, to), batchSize) }
}

function randomOrder(count: number, seed: number): Permutation {
  return permutation(sampleWithoutReplacement(randomStream(seed, 'order of evaluation blocks'), count, count))
}

/** A view of some rows. */
function rows<Data extends NumericArray>({ shape, data }: Tensor<Data>, from: number, to: number): Tensor<Data> {
  const width = shape.slice(1).reduce((product, size) => product * size, 1)
  return { shape: [to - from, ...shape.slice(1)], data: data.subarray(from * width, to * width) as Data }
}
