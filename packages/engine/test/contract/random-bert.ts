import { type BertConfig, bert, type Graph } from '@isthmus/model'
import fc from 'fast-check'
import type { Feeds, Weights } from '../../src/engine.ts'
import { drawFeeds, drawWeights } from './draw-feeds.ts'

/** A small BERT with random weights, and a batch to run it on. */
export interface RandomBert {
  readonly config: BertConfig
  readonly graph: Graph
  readonly weights: Weights
  readonly feeds: Feeds
}

/** The size of a batch of tokens. */
export interface BatchSize {
  readonly batch: number
  readonly sequence: number
}

/** The BERT of those contract tests that one model is enough for. */
export const smallBert = {
  hiddenSize: 12,
  numHiddenLayers: 2,
  numAttentionHeads: 3,
  intermediateSize: 20,
  vocabSize: 11,
  maxPositionEmbeddings: 9,
  typeVocabSize: 2,
  layerNormEps: 1e-12,
  hiddenAct: 'gelu',
  tieWordEmbeddings: true,
} as const satisfies BertConfig

export const smallGraph = bert(smallBert)

/** The names of its taps. */
export const smallTaps = smallGraph.taps.map((tap) => tap.name)

/** A batch for it. */
export function smallFeeds(batch: number, sequence: number, seed: number): Feeds {
  return drawBertFeeds(smallGraph, smallBert, { batch, sequence }, seed)
}

/** Small BERTs of all shapes, padded or not. No narrower than 4: the variance of fewer features can be next to 0, and
 *  layer norm then makes much of the rounding of f32. */
export function randomBert(): fc.Arbitrary<RandomBert> {
  const upTo = (max: number, min = 1) => fc.integer({ min, max })
  return fc
    .record({
      heads: upTo(3),
      headSize: upTo(6, 4),
      numHiddenLayers: upTo(2),
      intermediateSize: upTo(12, 4),
      vocabSize: upTo(13),
      typeVocabSize: upTo(3),
      hiddenAct: fc.constantFrom('gelu' as const, 'gelu_new' as const, 'relu' as const),
      tieWordEmbeddings: fc.boolean(),
      padding: fc.boolean(),
      size: fc.record({ batch: upTo(3), sequence: upTo(9) }),
      seed: fc.integer(),
    })
    .map(({ heads, headSize, padding, size, seed, ...sizes }) => {
      const config = { ...smallBert, ...sizes, numAttentionHeads: heads, hiddenSize: heads * headSize }
      const graph = bert(config, { padding })
      return { config, graph, weights: drawWeights(graph, seed), feeds: drawBertFeeds(graph, config, size, seed) }
    })
}

/** Draw a batch for a BERT: about half of its positions selected, in any order, some twice. */
export function drawBertFeeds(graph: Graph, config: BertConfig, { batch, sequence }: BatchSize, seed: number): Feeds {
  const sizes = new Map(Object.entries({ batch, sequence, selected: Math.ceil((batch * sequence) / 2) }))
  const limits = {
    inputIds: config.vocabSize,
    tokenTypeIds: config.typeVocabSize,
    attentionMask: 2,
    selectedPositions: batch * sequence,
    labels: config.vocabSize,
  }
  return drawFeeds(graph, sizes, limits, seed)
}
