import { z } from 'zod'
import type { ArchitectureOptions } from '../architecture-options.ts'
import type { Graph, ValueId } from '../graph.ts'
import { type GraphBuilder, graphBuilder } from '../graph-builder.ts'
import { headOfClass } from '../head-of-class.ts'
import { parseConfig } from '../parse-config.ts'
import { type BertConfig, type BertHead, bertConfigJson, bertLayerModules, bertSizes } from './bert.ts'
import { classificationHead, numLabelsOf } from './classification-head.ts'
import { maskedLanguageModelHead } from './language-model-head.ts'
import { dense, layerNorm } from './layers.ts'
import { transformerLayers } from './transformer-layers.ts'

/** The fields of a RoBERTa's `config.json` that its forward pass depends on. */
export interface RobertaConfig extends BertConfig {
  /** The first position has row `padTokenId + 1` of the position embeddings, which has `maxPositionEmbeddings` rows. */
  readonly padTokenId: number
}

/** Build the graph of RoBERTa: BERT without token types (all have the first), with positions that start after the row of
 *  the padding token.
 *
 *      sequenceClassification:  logits = W_C tanh(W h_L[0] + b) + c
 *
 *  Inputs and outputs are those of `bert`, without `tokenTypeIds`. Padding must stand at the
 *  end of a sequence, as RoBERTa's tokenizer puts it: Hugging Face's implementation counts positions over the tokens that
 *  are not padding. Parameters have the names that Hugging Face's `RobertaForMaskedLM` and
 *  `RobertaForSequenceClassification` give them.
 *  @see Liu et al. (2019), RoBERTa: A Robustly Optimized BERT Pretraining Approach.
 */
export function roberta(config: RobertaConfig, { padding = true, head, decoder }: ArchitectureOptions = {}): Graph {
  const graph = graphBuilder('roberta')
  const inputIds = graph.input('inputIds', 'int32', ['batch', 'sequence'])
  const mask = padding ? graph.input('attentionMask', 'int32', ['batch', 'sequence']) : null
  const hidden = transformerLayers(
    graph,
    {
      ...config,
      activation: config.hiddenAct,
      norm: 'post',
      causal: false,
      weightLayout: 'outIn',
      queryKeyValueBias: true,
    },
    (layer) => bertLayerModules(`roberta.encoder.layer.${layer}`),
    embeddings(graph, config, inputIds),
    mask,
  )
  graph.output('hidden', hidden)
  const kind = head ?? config.head ?? 'maskedLanguageModel'
  if (kind === 'maskedLanguageModel') maskedLanguageModel(graph, config, decoder, hidden)
  if (kind === 'sequenceClassification') sequenceClassification(graph, config, hidden)
  return graph.build()
}

const wordEmbeddings = 'roberta.embeddings.word_embeddings.weight'

function maskedLanguageModel(
  graph: GraphBuilder,
  config: RobertaConfig,
  decoder: ArchitectureOptions['decoder'],
  hidden: ValueId,
): void {
  const isTied = decoder === undefined ? config.tieWordEmbeddings : decoder === 'tied'
  maskedLanguageModelHead(
    graph,
    {
      ...config,
      // Whatever the layers' activation is, the head's is GELU.
      activation: 'gelu',
      dense: 'lm_head.dense',
      layerNorm: 'lm_head.layer_norm',
      decoderWeight: isTied ? wordEmbeddings : 'lm_head.decoder.weight',
      decoderBias: 'lm_head.bias',
    },
    hidden,
  )
}

function sequenceClassification(graph: GraphBuilder, config: RobertaConfig, hidden: ValueId): void {
  const { hiddenSize, numLabels = 2 } = config
  const projected = dense(graph, graph.first(hidden, 'first'), [hiddenSize, hiddenSize], 'classifier.dense')
  classificationHead(graph, graph.tanh(projected, 'pooler'), [hiddenSize, numLabels], 'classifier.out_proj')
}

function embeddings(graph: GraphBuilder, config: RobertaConfig, inputIds: ValueId): ValueId {
  const { hiddenSize, vocabSize, typeVocabSize, maxPositionEmbeddings, padTokenId } = config
  const module = 'roberta.embeddings'
  const tokenTypeTable = graph.parameter(`${module}.token_type_embeddings.weight`, [typeVocabSize, hiddenSize])
  const positionTable = graph.parameter(`${module}.position_embeddings.weight`, [maxPositionEmbeddings, hiddenSize])
  const wordTable = graph.parameter(wordEmbeddings, [vocabSize, hiddenSize])
  const words = graph.gather(wordTable, inputIds, `${module}.word_embeddings`)
  const tokenType = graph.row(tokenTypeTable, 0, `${module}.token_type_embeddings`)
  const positions = graph.positions(positionTable, inputIds, `${module}.position_embeddings`, padTokenId + 1)
  const typed = graph.add(words, tokenType, `${module}.typed`)
  const placed = graph.add(typed, positions, `${module}.placed`)
  const normalized = layerNorm(graph, placed, config, `${module}.LayerNorm`, 'residual.embeddings')
  graph.tap('residual.embeddings', 'residual', -1, normalized)
  return normalized
}

const robertaConfigJson = bertConfigJson.extend({ pad_token_id: z.int().nonnegative().default(1) })

const heads: Readonly<Record<string, BertHead>> = {
  RobertaForMaskedLM: 'maskedLanguageModel',
  RobertaForSequenceClassification: 'sequenceClassification',
  RobertaModel: 'none',
}

/** Read RoBERTa's configuration from the content of a `config.json`.
 *
 *  @param where The file, for the errors.
 *  @throws {UserError} naming the file and the field, with what was expected and found.
 */
export function robertaConfig(json: unknown, where: string): RobertaConfig {
  const config = parseConfig(robertaConfigJson, json, where)
  const head = headOfClass(heads, config.architectures, where)
  return {
    ...bertSizes(config, where),
    typeVocabSize: config.type_vocab_size,
    padTokenId: config.pad_token_id,
    head,
    ...(head === 'sequenceClassification' ? { numLabels: numLabelsOf(config) } : {}),
  }
}
