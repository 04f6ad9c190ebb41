import { UserError } from '@isthmus/tensor'
import { z } from 'zod'
import type { Graph, ValueId } from '../graph.ts'
import { type GraphBuilder, graphBuilder } from '../graph-builder.ts'
import { parseConfig } from '../parse-config.ts'

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
  /** `gelu` is exact; `gelu_new` and `gelu_pytorch_tanh` are its approximation by tanh. */
  readonly hiddenAct: 'gelu' | 'gelu_new' | 'gelu_pytorch_tanh' | 'relu'
  /** Whether the decoder's weight is the word embeddings'. */
  readonly tieWordEmbeddings: boolean
}

export interface BertOptions {
  /** Add the input `attentionMask`, so that blocks may be padded. Default true. */
  readonly padding?: boolean
  /** What stands on the encoder. Default `maskedLanguageModel`. */
  readonly head?: 'maskedLanguageModel' | 'none'
}

/** Build the graph of BERT, with layer norm after each addition.
 *
 *      h₋₁ = LN(word + tokenType + position)
 *      a_l = LN(h_{l−1} + W_O attention(W_Q h_{l−1}, W_K h_{l−1}, W_V h_{l−1}))
 *      h_l = LN(a_l + W_2 act(W_1 a_l))
 *      logits = E LN(act(W h_L[selected])) + b
 *
 *  Inputs, int32: `inputIds`, `tokenTypeIds` and with padding `attentionMask`, each `[batch, sequence]`; for the head
 *  `selectedPositions [selected]`, indices into the flattened `batch·sequence` at which alone it runs, and
 *  `labels [selected]`. Outputs: `hidden [batch, sequence, hiddenSize]`; of the head `logits [selected, vocabSize]` and
 *  `negativeLogLikelihood [selected]`. Parameters have the names that Hugging Face's `BertForMaskedLM` gives them.
 *  @see Devlin et al. (2019), BERT: Pre-training of Deep Bidirectional Transformers for Language Understanding.
 */
export function bert(config: BertConfig, { padding = true, head = 'maskedLanguageModel' }: BertOptions = {}): Graph {
  const graph = graphBuilder('bert')
  const inputIds = graph.input('inputIds', 'int32', ['batch', 'sequence'])
  const tokenTypeIds = graph.input('tokenTypeIds', 'int32', ['batch', 'sequence'])
  const mask = padding ? graph.input('attentionMask', 'int32', ['batch', 'sequence']) : null

  let hidden = embeddings(graph, config, inputIds, tokenTypeIds)
  for (let layer = 0; layer < config.numHiddenLayers; layer++) {
    const attended = attention(graph, config, layer, hidden, mask)
    hidden = feedForward(graph, config, layer, attended)
  }
  graph.output('hidden', hidden)
  if (head === 'maskedLanguageModel') maskedLanguageModel(graph, config, hidden)
  return graph.build()
}

function embeddings(graph: GraphBuilder, config: BertConfig, inputIds: ValueId, tokenTypeIds: ValueId): ValueId {
  const { hiddenSize, typeVocabSize, maxPositionEmbeddings } = config
  const module = 'bert.embeddings'
  const tokenTypeTable = graph.parameter(`${module}.token_type_embeddings.weight`, [typeVocabSize, hiddenSize])
  const positionTable = graph.parameter(`${module}.position_embeddings.weight`, [maxPositionEmbeddings, hiddenSize])
  const words = graph.gather(wordEmbeddings(graph, config), inputIds, `${module}.word_embeddings`)
  const tokenTypes = graph.gather(tokenTypeTable, tokenTypeIds, `${module}.token_type_embeddings`)
  const positions = graph.positions(positionTable, inputIds, `${module}.position_embeddings`)
  const typed = graph.add(words, tokenTypes, `${module}.typed`)
  const placed = graph.add(typed, positions, `${module}.placed`)
  const normalized = layerNorm(graph, config, placed, `${module}.LayerNorm`, 'residual.embeddings')
  graph.tap('residual.embeddings', 'residual', -1, normalized)
  return normalized
}

function attention(graph: GraphBuilder, config: BertConfig, layer: number, hidden: ValueId, mask: ValueId | null) {
  const { hiddenSize, numAttentionHeads } = config
  const module = `bert.encoder.layer.${layer}.attention`
  const query = linear(graph, hidden, [hiddenSize, hiddenSize], `${module}.self.query`, `query.${layer}`)
  const key = linear(graph, hidden, [hiddenSize, hiddenSize], `${module}.self.key`, `key.${layer}`)
  const value = linear(graph, hidden, [hiddenSize, hiddenSize], `${module}.self.value`)
  const context = graph.attention(
    { query, key, value, mask, numHeads: numAttentionHeads, causal: false },
    `attention.${layer}`,
  )
  const projected = linear(graph, context, [hiddenSize, hiddenSize], `${module}.output.dense`)
  const skipped = graph.add(projected, hidden, `${module}.output.add`)
  const output = layerNorm(graph, config, skipped, `${module}.output.LayerNorm`, `residual.${layer}.attention`)
  graph.tap(`query.${layer}`, 'query', layer, query)
  graph.tap(`key.${layer}`, 'key', layer, key)
  graph.tap(`attention.${layer}`, 'attention', layer, context)
  graph.tap(`residual.${layer}.attention`, 'residual', layer, output)
  return output
}

function feedForward(graph: GraphBuilder, config: BertConfig, layer: number, attended: ValueId): ValueId {
  const { hiddenSize, intermediateSize } = config
  const module = `bert.encoder.layer.${layer}`
  const expanded = linear(graph, attended, [intermediateSize, hiddenSize], `${module}.intermediate.dense`)
  const activated = activation(graph, config, expanded, `ffn.${layer}`)
  const projected = linear(graph, activated, [hiddenSize, intermediateSize], `${module}.output.dense`)
  const skipped = graph.add(projected, attended, `${module}.output.add`)
  const output = layerNorm(graph, config, skipped, `${module}.output.LayerNorm`, `residual.${layer}.output`)
  graph.tap(`ffn.${layer}`, 'ffn', layer, activated)
  graph.tap(`residual.${layer}.output`, 'residual', layer, output)
  return output
}

function maskedLanguageModel(graph: GraphBuilder, config: BertConfig, hidden: ValueId): void {
  const { hiddenSize, vocabSize, tieWordEmbeddings } = config
  const module = 'cls.predictions'
  const selectedPositions = graph.input('selectedPositions', 'int32', ['selected'])
  const labels = graph.input('labels', 'int32', ['selected'])
  const selected = graph.select(hidden, selectedPositions, `${module}.selected`)
  const transformed = linear(graph, selected, [hiddenSize, hiddenSize], `${module}.transform.dense`)
  const activated = activation(graph, config, transformed, `${module}.transform.act`)
  const normalized = layerNorm(graph, config, activated, `${module}.transform.LayerNorm`, 'mlmHead')
  const decoder = tieWordEmbeddings
    ? wordEmbeddings(graph, config)
    : graph.parameter(`${module}.decoder.weight`, [vocabSize, hiddenSize])
  const logits = graph.linear(normalized, decoder, graph.parameter(`${module}.bias`, [vocabSize]), 'logits')
  graph.tap('mlmHead', 'mlmHead', null, normalized)
  graph.output('logits', logits)
  graph.output('negativeLogLikelihood', graph.crossEntropy(logits, labels, 'negativeLogLikelihood'))
}

function wordEmbeddings(graph: GraphBuilder, { vocabSize, hiddenSize }: BertConfig) {
  return graph.parameter('bert.embeddings.word_embeddings.weight', [vocabSize, hiddenSize])
}

function linear(graph: GraphBuilder, input: ValueId, [out, into]: [number, number], module: string, name = module) {
  const weight = graph.parameter(`${module}.weight`, [out, into])
  const bias = graph.parameter(`${module}.bias`, [out])
  return graph.linear(input, weight, bias, name)
}

function layerNorm(graph: GraphBuilder, config: BertConfig, input: ValueId, module: string, name: string): ValueId {
  const weight = graph.parameter(`${module}.weight`, [config.hiddenSize])
  const bias = graph.parameter(`${module}.bias`, [config.hiddenSize])
  return graph.layerNorm(input, weight, bias, config.layerNormEps, name)
}

function activation(graph: GraphBuilder, { hiddenAct }: BertConfig, input: ValueId, name: string): ValueId {
  if (hiddenAct === 'relu') return graph.relu(input, name)
  return graph.gelu(input, hiddenAct === 'gelu' ? 'none' : 'tanh', name)
}

const count = z.int().positive()

const bertConfigJson = z.object({
  hidden_size: count,
  num_hidden_layers: count,
  num_attention_heads: count,
  intermediate_size: count,
  vocab_size: count,
  max_position_embeddings: count,
  type_vocab_size: count,
  layer_norm_eps: z.number().positive(),
  hidden_act: z.enum(['gelu', 'gelu_new', 'gelu_pytorch_tanh', 'relu']),
  position_embedding_type: z.literal('absolute').default('absolute'),
  tie_word_embeddings: z.boolean().default(true),
})

/** Read BERT's configuration from the content of a `config.json`.
 *
 *  @param where The file, for the errors.
 *  @throws {UserError} naming the file and the field, with what was expected and found.
 */
export function bertConfig(json: unknown, where: string): BertConfig {
  const config = parseConfig(bertConfigJson, json, where)
  if (config.hidden_size % config.num_attention_heads !== 0) {
    throw new UserError(
      `${where}: hidden_size must be divisible by num_attention_heads, but ${config.hidden_size} is not by ` +
        `${config.num_attention_heads}; correct the configuration`,
    )
  }
  return {
    hiddenSize: config.hidden_size,
    numHiddenLayers: config.num_hidden_layers,
    numAttentionHeads: config.num_attention_heads,
    intermediateSize: config.intermediate_size,
    vocabSize: config.vocab_size,
    maxPositionEmbeddings: config.max_position_embeddings,
    typeVocabSize: config.type_vocab_size,
    layerNormEps: config.layer_norm_eps,
    hiddenAct: config.hidden_act,
    tieWordEmbeddings: config.tie_word_embeddings,
  }
}
