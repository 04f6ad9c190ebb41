import { randomStream } from '@isthmus/corpus'
import type { Feeds } from '@isthmus/engine'
import { type Graph, maxPositions } from '@isthmus/model'
import { type Tensor, UserError } from '@isthmus/tensor'

const blocks = 8
const longestBlock = 128
/** Every so many tokens the head is asked for logits. */
const selectionStride = 7

/** The batch on which the equivalence gate compares logits: a function of the architecture alone.
 *
 *  Eight blocks of token ids drawn uniformly from the vocabulary with a fixed seed: every layer and, over the blocks,
 *  a wide part of the embeddings takes part, and no text is needed.
 *  @throws {UserError} when the graph reads no token ids.
 */
export function probeBatch(graph: Graph): Feeds {
  const vocabulary = vocabularySize(graph)
  if (vocabulary === undefined) {
    throw new UserError(`the equivalence gate needs a model that reads tokens; ${graph.architecture} has no inputIds`)
  }
  const length = Math.min(longestBlock, maxPositions(graph))
  const shape = [blocks, length]
  const stream = randomStream(0, 'equivalence-gate')
  const count = blocks * length
  const selected = Int32Array.from({ length: Math.ceil(count / selectionStride) }, (_, i) => i * selectionStride)
  const values: Record<string, Tensor<Int32Array>> = {
    inputIds: { shape, data: Int32Array.from({ length: count }, () => stream.index(vocabulary)) },
    tokenTypeIds: { shape, data: new Int32Array(count) },
    attentionMask: { shape, data: new Int32Array(count).fill(1) },
    selectedPositions: { shape: [selected.length], data: selected },
  }
  return values
}

function vocabularySize(graph: Graph): number | undefined {
  const words = graph.nodes.find((node) => node.op === 'gather' && node.indices === 'inputIds')
  if (words?.op !== 'gather') return undefined
  return graph.parameters.find(({ name }) => name === words.table)!.shape[0]
}
