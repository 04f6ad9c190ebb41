import { bert, distilbert, type Graph, gpt2, roberta, vit } from '@isthmus/model'
import type { Feeds } from '../../src/engine.ts'
import { drawFeeds } from './draw-feeds.ts'
import { type BatchSize, smallBert } from './random-bert.ts'

/** A small model, and how to draw a batch for it. */
export interface SmallModel {
  readonly name: string
  readonly graph: Graph
  feeds(size: BatchSize, seed: number): Feeds
}

const config = {
  ...smallBert,
  padTokenId: 1,
  imageSize: 8,
  patchSize: 2,
  numChannels: 3,
  numLabels: 4,
  queryKeyValueBias: true,
}

/** One of each architecture but the bare BERT, which has contract tests of its own. */
export const smallModels: readonly SmallModel[] = [
  smallModel('BERT classifier', bert({ ...config, head: 'sequenceClassification' }), config.numLabels),
  smallModel('BERT regression', bert({ ...config, head: 'sequenceClassification', numLabels: 1 }), 1),
  smallModel('RoBERTa', roberta(config), config.vocabSize),
  smallModel('DistilBERT', distilbert(config), config.vocabSize),
  smallModel('GPT-2', gpt2(config), config.vocabSize),
  smallModel('GPT-2 without padding', gpt2(config, { padding: false }), config.vocabSize),
  smallModel('ViT', vit(config), config.numLabels),
]

function smallModel(name: string, graph: Graph, numClasses: number): SmallModel {
  return {
    name,
    graph,
    feeds({ batch, sequence }, seed) {
      const sizes = new Map(Object.entries({ batch, sequence, selected: Math.ceil((batch * sequence) / 2) }))
      const limits = {
        inputIds: config.vocabSize,
        tokenTypeIds: config.typeVocabSize,
        attentionMask: 2,
        selectedPositions: batch * sequence,
        labels: numClasses,
      }
      return drawFeeds(graph, sizes, limits, seed)
    },
  }
}
