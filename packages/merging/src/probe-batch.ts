import { randomStream } from '@isthmus/corpus'
import type { Feeds } from '@isthmus/engine'
import { type Graph, graphSizes, maxPositions } from '@isthmus/model'
import { elementCount, UserError } from '@isthmus/tensor'

/** Sequences, or images, of the batch. */
const batch = 8
const longestBlock = 128
/** Every so many tokens the head is asked for logits. */
const selectionStride = 7

/** The batch on which the equivalence gate compares logits: a function of the architecture alone.
 *
 *  Of a model of text, eight blocks of token ids drawn uniformly from the vocabulary with a fixed seed: every layer and,
 *  over the blocks, a wide part of the embeddings takes part, and no text is needed. Of a model of images, eight images
 *  of pixels drawn uniformly from [−2, 2), where normalised pixels lie.
 *  @throws {UserError} when the graph reads neither token ids nor pixels.
 */
export function probeBatch(graph: Graph): Feeds {
  const images = graph.inputs.find(({ name }) => name === 'pixelValues')
  if (images !== undefined) return probeImages(images.shape.slice(1).map(Number))
  const { vocabulary } = graphSizes(graph)
  if (vocabulary === 0) {
    throw new UserError(
      `the equivalence gate needs a model that reads tokens or images; ${graph.architecture} has neither inputIds nor ` +
        'pixelValues',
    )
  }
  return probeTokens(vocabulary, Math.min(longestBlock, maxPositions(graph)))
}

function probeTokens(vocabulary: number, length: number): Feeds {
  const shape = [batch, length]
  const stream = randomStream(0, 'equivalence-gate')
  const count = batch * length
  const selected = Int32Array.from({ length: Math.ceil(count / selectionStride) }, (_, i) => i * selectionStride)
  return {
    inputIds: { shape, data: Int32Array.from({ length: count }, () => stream.index(vocabulary)) },
    tokenTypeIds: { shape, data: new Int32Array(count) },
    attentionMask: { shape, data: new Int32Array(count).fill(1) },
    selectedPositions: { shape: [selected.length], data: selected },
  }
}

function probeImages(dimensions: readonly number[]): Feeds {
  const shape = [batch, ...dimensions]
  const stream = randomStream(0, 'equivalence-gate')
  const data = Float32Array.from({ length: elementCount(shape) }, () => 4 * stream.uniform() - 2)
  return { pixelValues: { shape, data } }
}
