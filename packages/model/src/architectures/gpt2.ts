import { z } from 'zod'
import type { ArchitectureOptions } from '../architecture-options.ts'
import type { Graph, ValueId } from '../graph.ts'
import { type GraphBuilder, graphBuilder } from '../graph-builder.ts'
import { headOfClass } from '../head-of-class.ts'
import { parseConfig } from '../parse-config.ts'
import { checkHeads } from './check-heads.ts'
import { nextTokenHead } from './language-model-head.ts'
import { type Activation, activationName, count, layerNorm } from './layers.ts'
import { type LayerModules, transformerLayers } from './transformer-layers.ts'

/** The fields of a GPT-2's `config.json` that its forward pass depends on, by the names that BERT gives them. */
export interface Gpt2Config {
  readonly hiddenSize: number
  readonly numHiddenLayers: number
  /** Divides `hiddenSize`. */
  readonly numAttentionHeads: number
  readonly intermediateSize: number
  readonly vocabSize: number
  readonly maxPositionEmbeddings: number
  readonly layerNormEps: number
  readonly hiddenAct: Activation
  /** Whether the decoder's weight is the word embeddings'. */
  readonly tieWordEmbeddings: boolean
  /** What stands on the last layer. Default `nextToken`. */
  readonly head?: 'nextToken' | 'none'
}

/** Build the graph of GPT-2, with layer norm before each sublayer, and attention to what stands before.
 *
 *      h₋₁ = word + position
 *      a_l = h_{l−1} + W_O attention(W_Q LN h_{l−1}, W_K LN h_{l−1}, W_V LN h_{l−1})
 *      h_l = a_l + W_2 act(W_1 LN a_l)
 *      logits = E LN(h_L)[selected]
 *
 *  Query, key and value come from one linear map, whose output is sliced, and all of the layers' weights are stored
 *  `[in, out]`. Inputs, int32: `inputIds` and with padding `attentionMask`, each `[batch, sequence]`; for the head
 *  `selectedPositions [selected]`, indices into the flattened `batch·sequence` at which alone it runs, and
 *  `labels [selected]`, for the loss of the next token the ids that follow. Outputs: `hidden`
 *  `[batch, sequence, hiddenSize]`, after the last layer norm; of the head `logits [selected, vocabSize]` and
 *  `negativeLogLikelihood [selected]`. Padding must stand at the end of a sequence. Parameters have the names that
 *  Hugging Face's `GPT2LMHeadModel` gives them.
 *  @see Radford et al. (2019), Language Models are Unsupervised Multitask Learners.
 */
export function gpt2(config: Gpt2Config, { padding = true, head, decoder }: ArchitectureOptions = {}): Graph {
  const graph = graphBuilder('gpt2')
  const inputIds = graph.input('inputIds', 'int32', ['batch', 'sequence'])
  const mask = padding ? graph.input('attentionMask', 'int32', ['batch', 'sequence']) : null
  const stream = transformerLayers(
    graph,
    {
      ...config,
      activation: config.hiddenAct,
      norm: 'pre',
      causal: true,
      weightLayout: 'inOut',
      queryKeyValueBias: true,
    },
    layerModules,
    embeddings(graph, config, inputIds),
    mask,
  )
  const hidden = layerNorm(graph, stream, config, 'transformer.ln_f', 'residual.final')
  graph.tap('residual.final', 'residual', null, hidden)
  graph.output('hidden', hidden)
  if ((head ?? config.head) === 'none') return graph.build()
  const isTied = decoder === undefined ? config.tieWordEmbeddings : decoder === 'tied'
  nextTokenHead(graph, { ...config, decoderWeight: isTied ? wordEmbeddings : 'lm_head.weight' }, hidden)
  return graph.build()
}

function layerModules(layer: number): LayerModules {
  const module = `transformer.h.${layer}`
  return {
    queryKeyValue: `${module}.attn.c_attn`,
    attentionOutput: `${module}.attn.c_proj`,
    attentionNorm: `${module}.ln_1`,
    intermediate: `${module}.mlp.c_fc`,
    output: `${module}.mlp.c_proj`,
    outputNorm: `${module}.ln_2`,
  }
}

const wordEmbeddings = 'transformer.wte.weight'

function embeddings(graph: GraphBuilder, config: Gpt2Config, inputIds: ValueId): ValueId {
  const { hiddenSize, vocabSize, maxPositionEmbeddings } = config
  const words = graph.gather(graph.parameter(wordEmbeddings, [vocabSize, hiddenSize]), inputIds, 'transformer.wte')
  const positionTable = graph.parameter('transformer.wpe.weight', [maxPositionEmbeddings, hiddenSize])
  const positions = graph.positions(positionTable, inputIds, 'transformer.wpe')
  const placed = graph.add(words, positions, 'residual.embeddings')
  graph.tap('residual.embeddings', 'residual', -1, placed)
  return placed
}

const gpt2ConfigJson = z.object({
  architectures: z.array(z.string()).nullish(),
  n_embd: count,
  n_layer: count,
  n_head: count,
  n_inner: count.nullish(),
  vocab_size: count,
  n_positions: count,
  layer_norm_epsilon: z.number().positive(),
  activation_function: activationName,
  scale_attn_weights: z.literal(true).default(true),
  scale_attn_by_inverse_layer_idx: z.literal(false).default(false),
  add_cross_attention: z.literal(false).default(false),
  tie_word_embeddings: z.boolean().default(true),
})

/** Read GPT-2's configuration from the content of a `config.json`.
 *
 *  @param where The file, for the errors.
 *  @throws {UserError} naming the file and the field, with what was expected and found.
 */
export function gpt2Config(json: unknown, where: string): Gpt2Config {
  const config = parseConfig(gpt2ConfigJson, json, where)
  checkHeads(config.n_embd, config.n_head, ['n_embd', 'n_head'], where)
  return {
    hiddenSize: config.n_embd,
    numHiddenLayers: config.n_layer,
    numAttentionHeads: config.n_head,
    intermediateSize: config.n_inner ?? 4 * config.n_embd,
    vocabSize: config.vocab_size,
    maxPositionEmbeddings: config.n_positions,
    layerNormEps: config.layer_norm_epsilon,
    hiddenAct: config.activation_function,
    tieWordEmbeddings: config.tie_word_embeddings,
    head: headOfClass({ GPT2LMHeadModel: 'nextToken', GPT2Model: 'none' } as const, config.architectures, where),
  }
}
