import { z } from 'zod'
import type { ArchitectureOptions } from '../architecture-options.ts'
import type { Graph, ValueId } from '../graph.ts'
import { type GraphBuilder, graphBuilder } from '../graph-builder.ts'
import { headOfClass } from '../head-of-class.ts'
import { parseConfig } from '../parse-config.ts'
import { checkHeads } from './check-heads.ts'
import { classificationHead, numLabelsJson, numLabelsOf } from './classification-head.ts'
import { maskedLanguageModelHead } from './language-model-head.ts'
import { type Activation, activationName, count, dense, layerNorm } from './layers.ts'
import { type LayerModules, transformerLayers } from './transformer-layers.ts'

/** The fields of a BERT's `config.json` that its forward pass depends on. */
export interface BertConfig {
  readonly hiddenSize: number
  readonly numHiddenLayers: number
  /** Divides `hiddenSize`. */
  readonly numAttentionHeads: number
  readonly intermediateSize: number
  readonly vocabSize: number
  readonly maxPositionEmbeddings: number
  readonly typeVocabSize: number
  readonly layerNormEps: number
  readonly hiddenAct: Activation
  /** Whether the decoder's weight is the word embeddings'. */
  readonly tieWordEmbeddings: boolean
  /** What stands on the encoder. Default `maskedLanguageModel`. */
  readonly head?: BertHead
  /** Classes that `sequenceClassification` tells apart. Default 2. */
  readonly numLabels?: number
}

export type BertHead = 'maskedLanguageModel' | 'sequenceClassification' | 'none'

/** Build the graph of BERT, with layer norm after each addition.
 *
 *      h₋₁ = LN(word + tokenType + position)
 *      a_l = LN(h_{l−1} + W_O attention(W_Q h_{l−1}, W_K h_{l−1}, W_V h_{l−1}))
 *      h_l = LN(a_l + W_2 act(W_1 a_l))
 *      maskedLanguageModel:     logits = E LN(act(W h_L[selected])) + b
 *      sequenceClassification:  logits = W_C tanh(W_P h_L[0]) + b
 *
 *  Inputs, int32: `inputIds`, `tokenTypeIds` and with padding `attentionMask`, each `[batch, sequence]`; for a masked
 *  language model `selectedPositions [selected]`, indices into the flattened `batch·sequence` at which alone the head
 *  runs, and `labels [selected]`; for a classifier `labels [batch]`. Outputs: `hidden [batch, sequence, hiddenSize]`; of
 *  a head `logits [selected, vocabSize]` or `[batch, numLabels]`, and `negativeLogLikelihood`, one a label. Parameters
 *  have the names that Hugging Face's `BertForMaskedLM` and `BertForSequenceClassification` give them.
 *  @see Devlin et al. (2019), BERT: Pre-training of Deep Bidirectional Transformers for Language Understanding.
 */
export function bert(config: BertConfig, options: ArchitectureOptions = {}): Graph {
  const { padding = true, head, decoder, causal = false, firstPosition = 0 } = options
  const graph = graphBuilder('bert')
  const inputIds = graph.input('inputIds', 'int32', ['batch', 'sequence'])
  const tokenTypeIds = graph.input('tokenTypeIds', 'int32', ['batch', 'sequence'])
  const mask = padding ? graph.input('attentionMask', 'int32', ['batch', 'sequence']) : null
  const hidden = transformerLayers(
    graph,
    {
      ...config,
      activation: config.hiddenAct,
      norm: 'post',
      causal,
      weightLayout: 'outIn',
      queryKeyValueBias: true,
    },
    (layer) => bertLayerModules(`bert.encoder.layer.${layer}`),
    embeddings(graph, config, inputIds, tokenTypeIds, firstPosition),
    mask,
  )
  graph.output('hidden', hidden)
  const kind = head ?? config.head ?? 'maskedLanguageModel'
  if (kind === 'maskedLanguageModel') maskedLanguageModel(graph, config, decoder, hidden)
  if (kind === 'sequenceClassification') sequenceClassification(graph, config, hidden)
  return graph.build()
}

/** The names of the modules of one of BERT's layers. */
export function bertLayerModules(layer: string): LayerModules {
  const attention = `${layer}.attention`
  return {
    queryKeyValue: [`${attention}.self.query`, `${attention}.self.key`, `${attention}.self.value`],
    attentionOutput: `${attention}.output.dense`,
    attentionNorm: `${attention}.output.LayerNorm`,
    intermediate: `${layer}.intermediate.dense`,
    output: `${layer}.output.dense`,
    outputNorm: `${layer}.output.LayerNorm`,
  }
}

function embeddings(
  graph: GraphBuilder,
  config: BertConfig,
  inputIds: ValueId,
  tokenTypeIds: ValueId,
  firstPosition: number,
): ValueId {
  const { hiddenSize, vocabSize, typeVocabSize, maxPositionEmbeddings } = config
  const module = 'bert.embeddings'
  const tokenTypeTable = graph.parameter(`${module}.token_type_embeddings.weight`, [typeVocabSize, hiddenSize])
  const positionTable = graph.parameter(`${module}.position_embeddings.weight`, [maxPositionEmbeddings, hiddenSize])
  const wordTable = graph.parameter(wordEmbeddings, [vocabSize, hiddenSize])
  const words = graph.gather(wordTable, inputIds, `${module}.word_embeddings`)
  const tokenTypes = graph.gather(tokenTypeTable, tokenTypeIds, `${module}.token_type_embeddings`)
  const positions = graph.positions(positionTable, inputIds, `${module}.position_embeddings`, firstPosition)
  const typed = graph.add(words, tokenTypes, `${module}.typed`)
  const placed = graph.add(typed, positions, `${module}.placed`)
  const normalized = layerNorm(graph, placed, config, `${module}.LayerNorm`, 'residual.embeddings')
  graph.tap('residual.embeddings', 'residual', -1, normalized)
  return normalized
}

const wordEmbeddings = 'bert.embeddings.word_embeddings.weight'

function maskedLanguageModel(
  graph: GraphBuilder,
  config: BertConfig,
  decoder: ArchitectureOptions['decoder'],
  hidden: ValueId,
): void {
  const module = 'cls.predictions'
  const isTied = decoder === undefined ? config.tieWordEmbeddings : decoder === 'tied'
  const head = {
    ...config,
    activation: config.hiddenAct,
    dense: `${module}.transform.dense`,
    layerNorm: `${module}.transform.LayerNorm`,
    decoderWeight: isTied ? wordEmbeddings : `${module}.decoder.weight`,
    decoderBias: `${module}.bias`,
  }
  maskedLanguageModelHead(graph, head, hidden)
}

function sequenceClassification(graph: GraphBuilder, config: BertConfig, hidden: ValueId): void {
  const { hiddenSize, numLabels = 2 } = config
  const first = graph.first(hidden, 'first')
  const projected = dense(graph, first, [hiddenSize, hiddenSize], 'bert.pooler.dense')
  classificationHead(graph, graph.tanh(projected, 'pooler'), [hiddenSize, numLabels])
}

/** The fields that BERT and its descendants share. */
export const bertConfigJson = z.object({
  architectures: z.array(z.string()).nullish(),
  hidden_size: count,
  num_hidden_layers: count,
  num_attention_heads: count,
  intermediate_size: count,
  vocab_size: count,
  max_position_embeddings: count,
  type_vocab_size: count,
  layer_norm_eps: z.number().positive(),
  hidden_act: activationName,
  position_embedding_type: z.literal('absolute').default('absolute'),
  tie_word_embeddings: z.boolean().default(true),
  ...numLabelsJson,
})

const heads: Readonly<Record<string, BertHead>> = {
  BertForMaskedLM: 'maskedLanguageModel',
  BertForPreTraining: 'maskedLanguageModel',
  BertForSequenceClassification: 'sequenceClassification',
  BertModel: 'none',
}

/** Read BERT's configuration from the content of a `config.json`.
 *
 *  @param where The file, for the errors.
 *  @throws {UserError} naming the file and the field, with what was expected and found.
 */
export function bertConfig(json: unknown, where: string): BertConfig {
  const config = parseConfig(bertConfigJson, json, where)
  const head = headOfClass(heads, config.architectures, where)
  return {
    ...bertSizes(config, where),
    typeVocabSize: config.type_vocab_size,
    head,
    ...(head === 'sequenceClassification' ? { numLabels: numLabelsOf(config) } : {}),
  }
}

/** What BERT and its descendants have in common.
 *
 *  @throws {UserError} when the heads do not divide the width.
 */
export function bertSizes(config: z.output<typeof bertConfigJson>, where: string) {
  checkHeads(config.hidden_size, config.num_attention_heads, ['hidden_size', 'num_attention_heads'], where)
  return {
    hiddenSize: config.hidden_size,
    numHiddenLayers: config.num_hidden_layers,
    numAttentionHeads: config.num_attention_heads,
    intermediateSize: config.intermediate_size,
    vocabSize: config.vocab_size,
    maxPositionEmbeddings: config.max_position_embeddings,
    layerNormEps: config.layer_norm_eps,
    hiddenAct: config.hidden_act,
    tieWordEmbeddings: config.tie_word_embeddings,
  }
}
