import type { PathObjective } from '@isthmus/alignment'
import {
  blockBatches,
  type LabelledBlocks,
  maskTokens,
  nextTokenLabels,
  openTokenizer,
  readTokenBlocks,
  type TokenizerFiles,
} from '@isthmus/corpus'
import type { Graph } from '@isthmus/model'
import { type Tensor, UserError } from '@isthmus/tensor'
import { lossOverBatches, openDifferentiator, shuffledRows } from '@isthmus/training'

/** Blocks that the held-out loss is taken on in one pass. */
const heldOutBatch = 16

export interface PathObjectiveOptions {
  /** The file of token blocks. */
  readonly blocks: string
  readonly tokenizer: TokenizerFiles
  /** A backend of engine-tfjs. */
  readonly executionProvider: string
  /** Blocks a step. */
  readonly batchSize: number
  /** The first blocks, from which no step is taken. */
  readonly heldOutBlocks: number
  /** With which a token is masked; null where the next token is predicted. */
  readonly maskProbability: number | null
  /** Fixes the order of the blocks, and the masks, which are drawn anew for each step. */
  readonly seed: number
}

/** An objective that counts what it reads. */
export interface TextObjective extends PathObjective {
  /** Tokens of all steps so far, each as often as it was read, and those held out, once. */
  tokensRead(): number
}

/** The losses that permutations are learned by: of the graph's head, on blocks of a text.
 *
 *  @throws {UserError} when the text has too few blocks, or this machine lacks the backend.
 */
export async function openPathObjective(graph: Graph, options: PathObjectiveOptions): Promise<TextObjective> {
  const { batchSize, heldOutBlocks, seed } = options
  const differentiator = await openDifferentiator(options.executionProvider)
  const { inputIds } = await readTokenBlocks(options.blocks)
  const count = inputIds.shape[0]! - heldOutBlocks
  if (count < batchSize) {
    throw new UserError(
      `permutations are to be learned from ${batchSize} blocks a step beside ${heldOutBlocks} held out, but the text has ` +
        `${inputIds.shape[0]}: set learned.batchBlocks or learned.heldOutBlocks lower, or give more text`,
    )
  }
  const label = await labeller(options)
  const { rows } = shuffledRows(count, { batchSize, seed })
  const heldOut = [...blockBatches(label(rowsOf(inputIds, range(heldOutBlocks)), ['held-out']), heldOutBatch)]
  let blocksRead = heldOutBlocks
  return {
    tokensRead: () => blocksRead * inputIds.shape[1]!,
    gradients(weights, step) {
      const drawn = rows(step).map((row) => heldOutBlocks + row)
      blocksRead += drawn.length
      const [batch] = blockBatches(label(rowsOf(inputIds, drawn), ['step', step]), batchSize)
      return differentiator.gradients(graph, weights, batch!.feeds)
    },
    heldOutLoss: (weights) => lossOverBatches(differentiator, graph, weights, heldOut),
  }
}

type Labeller = (blocks: Tensor<Int32Array>, purpose: readonly (string | number)[]) => LabelledBlocks

async function labeller({ tokenizer, maskProbability, seed }: PathObjectiveOptions): Promise<Labeller> {
  if (maskProbability === null) return (inputIds) => ({ inputIds, labels: nextTokenLabels(inputIds) })
  const opened = await openTokenizer(tokenizer)
  return (blocks, purpose) => maskTokens(blocks, { tokenizer: opened, seed, probability: maskProbability, purpose })
}

function rowsOf({ shape, data }: Tensor<Int32Array>, rows: readonly number[]): Tensor<Int32Array> {
  const blockSize = shape[1]!
  const taken = new Int32Array(rows.length * blockSize)
  for (const [i, row] of rows.entries()) {
    taken.set(data.subarray(row * blockSize, (row + 1) * blockSize), i * blockSize)
  }
  return { shape: [rows.length, blockSize], data: taken }
}

function range(count: number): number[] {
  return Array.from({ length: count }, (_, i) => i)
}
