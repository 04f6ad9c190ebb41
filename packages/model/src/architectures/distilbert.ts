import { z } from 'zod'
import type { ArchitectureOptions } from '../architecture-options.ts'
import type { Graph, ValueId } from '../graph.ts'
import { type GraphBuilder, graphBuilder } from '../graph-builder.ts'
import { headOfClass } from '../head-of-class.ts'
import { parseConfig } from '../parse-config.ts'
import type { BertHead } from './bert.ts'
import { checkHeads } from './check-heads.ts'
import { classificationHead, numLabelsJson, numLabelsOf } from './classification-head.ts'
import { maskedLanguageModelHead } from './language-model-head.ts'
import { type Activation, activationName, count, dense, layerNorm } from './layers.ts'
import { type LayerModules, transformerLayers } from './transformer-layers.ts'

/** The fields of a DistilBERT's `config.json` that its forward pass depends on, by the names that BERT gives them. */
export interface DistilbertConfig {
  readonly hiddenSize: number
  readonly numHiddenLayers: number
  /** Divides `hiddenSize`. */
  readonly numAttentionHeads: number
  readonly intermediateSize: number
  readonly vocabSize: number
  readonly maxPositionEmbeddings: number
  readonly hiddenAct: Activation
  /** Whether the decoder's weight is the word embeddings'. */
  readonly tieWordEmbeddings: boolean
  /** What stands on the encoder. Default `maskedLanguageModel`. */
  readonly head?: BertHead
  /** Classes that `sequenceClassification` tells apart. Default 2. */
  readonly numLabels?: number
}

/** DistilBERT's configuration has no ε of its own. */
const layerNormEps = 1e-12

/** Build the graph of DistilBERT: BERT without token types, under other names.
 *
 *      sequenceClassification:  logits = W_C relu(W h_L[0] + b) + c
 *
 *  Inputs and outputs are those of `bert`, without `tokenTypeIds`. Parameters have the names that Hugging Face's
 *  `DistilBertForMaskedLM` and `DistilBertForSequenceClassification` give them.
 *  @see Sanh et al. (2019), DistilBERT, a distilled version of BERT.
 */
export function distilbert(
  config: DistilbertConfig,
  { padding = true, head, decoder }: ArchitectureOptions = {},
): Graph {
  const graph = graphBuilder('distilbert')
  const inputIds = graph.input('inputIds', 'int32', ['batch', 'sequence'])
  const mask = padding ? graph.input('attentionMask', 'int32', ['batch', 'sequence']) : null
  const hidden = transformerLayers(
    graph,
    {
      ...config,
      layerNormEps,
      activation: config.hiddenAct,
      norm: 'post',
      causal: false,
      weightLayout: 'outIn',
      queryKeyValueBias: true,
    },
    layerModules,
    embeddings(graph, config, inputIds),
    mask,
  )
  graph.output('hidden', hidden)
  const kind = head ?? config.head ?? 'maskedLanguageModel'
  if (kind === 'maskedLanguageModel') maskedLanguageModel(graph, config, decoder, hidden)
  if (kind === 'sequenceClassification') sequenceClassification(graph, config, hidden)
  return graph.build()
}

function maskedLanguageModel(
  graph: GraphBuilder,
  config: DistilbertConfig,
  decoder: ArchitectureOptions['decoder'],
  hidden: ValueId,
): void {
  const isTied = decoder === undefined ? config.tieWordEmbeddings : decoder === 'tied'
  maskedLanguageModelHead(
    graph,
    {
      ...config,
      layerNormEps,
      activation: config.hiddenAct,
      dense: 'vocab_transform',
      layerNorm: 'vocab_layer_norm',
      decoderWeight: isTied ? wordEmbeddings : 'vocab_projector.weight',
      decoderBias: 'vocab_projector.bias',
    },
    hidden,
  )
}

function sequenceClassification(graph: GraphBuilder, config: DistilbertConfig, hidden: ValueId): void {
  const { hiddenSize, numLabels = 2 } = config
  const projected = dense(graph, graph.first(hidden, 'first'), [hiddenSize, hiddenSize], 'pre_classifier')
  classificationHead(graph, graph.relu(projected, 'pooler'), [hiddenSize, numLabels])
}

function layerModules(layer: number): LayerModules {
  const module = `distilbert.transformer.layer.${layer}`
  return {
    queryKeyValue: [`${module}.attention.q_lin`, `${module}.attention.k_lin`, `${module}.attention.v_lin`],
    attentionOutput: `${module}.attention.out_lin`,
    attentionNorm: `${module}.sa_layer_norm`,
    intermediate: `${module}.ffn.lin1`,
    output: `${module}.ffn.lin2`,
    outputNorm: `${module}.output_layer_norm`,
  }
}

const wordEmbeddings = 'distilbert.embeddings.word_embeddings.weight'

function embeddings(graph: GraphBuilder, config: DistilbertConfig, inputIds: ValueId): ValueId {
  const { hiddenSize, vocabSize, maxPositionEmbeddings } = config
  const module = 'distilbert.embeddings'
  const positionTable = graph.parameter(`${module}.position_embeddings.weight`, [maxPositionEmbeddings, hiddenSize])
  const wordTable = graph.parameter(wordEmbeddings, [vocabSize, hiddenSize])
  const words = graph.gather(wordTable, inputIds, `${module}.word_embeddings`)
  const positions = graph.positions(positionTable, inputIds, `${module}.position_embeddings`)
  const placed = graph.add(words, positions, `${module}.placed`)
  const norm = { hiddenSize, layerNormEps }
  const normalized = layerNorm(graph, placed, norm, `${module}.LayerNorm`, 'residual.embeddings')
  graph.tap('residual.embeddings', 'residual', -1, normalized)
  return normalized
}

const distilbertConfigJson = z.object({
  architectures: z.array(z.string()).nullish(),
  dim: count,
  n_layers: count,
  n_heads: count,
  hidden_dim: count,
  vocab_size: count,
  max_position_embeddings: count,
  activation: activationName,
  tie_word_embeddings: z.boolean().default(true),
  ...numLabelsJson,
})

const heads: Readonly<Record<string, BertHead>> = {
  DistilBertForMaskedLM: 'maskedLanguageModel',
  DistilBertForSequenceClassification: 'sequenceClassification',
  DistilBertModel: 'none',
}

/** Read DistilBERT's configuration from the content of a `config.json`.
 *
 *  @param where The file, for the errors.
 *  @throws {UserError} naming the file and the field, with what was expected and found.
 */
export function distilbertConfig(json: unknown, where: string): DistilbertConfig {
  const config = parseConfig(distilbertConfigJson, json, where)
  checkHeads(config.dim, config.n_heads, ['dim', 'n_heads'], where)
  const head = headOfClass(heads, config.architectures, where)
  return {
    hiddenSize: config.dim,
    numHiddenLayers: config.n_layers,
    numAttentionHeads: config.n_heads,
    intermediateSize: config.hidden_dim,
    vocabSize: config.vocab_size,
    maxPositionEmbeddings: config.max_position_embeddings,
    hiddenAct: config.activation,
    tieWordEmbeddings: config.tie_word_embeddings,
    head,
    ...(head === 'sequenceClassification' ? { numLabels: numLabelsOf(config) } : {}),
  }
}
