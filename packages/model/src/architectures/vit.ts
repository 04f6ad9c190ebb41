import { UserError } from '@isthmus/tensor'
import { z } from 'zod'
import type { ArchitectureOptions } from '../architecture-options.ts'
import type { Graph, ValueId } from '../graph.ts'
import { type GraphBuilder, graphBuilder } from '../graph-builder.ts'
import { headOfClass } from '../head-of-class.ts'
import { parseConfig } from '../parse-config.ts'
import { checkHeads } from './check-heads.ts'
import { classificationHead, numLabelsJson, numLabelsOf } from './classification-head.ts'
import { type Activation, activationName, count, layerNorm } from './layers.ts'
import { type LayerModules, transformerLayers } from './transformer-layers.ts'

/** The fields of a ViT's `config.json` that its forward pass depends on. */
export interface VitConfig {
  readonly hiddenSize: number
  readonly numHiddenLayers: number
  /** Divides `hiddenSize`. */
  readonly numAttentionHeads: number
  readonly intermediateSize: number
  /** Height and width of an image in pixels, both a multiple of `patchSize`. */
  readonly imageSize: number
  readonly patchSize: number
  readonly numChannels: number
  readonly layerNormEps: number
  readonly hiddenAct: Activation
  /** Whether query, key and value have biases. */
  readonly queryKeyValueBias: boolean
  /** What stands on the encoder. Default `imageClassification`. */
  readonly head?: 'imageClassification' | 'none'
  /** Classes that it tells apart. Default 2. */
  readonly numLabels?: number
}

/** Build the graph of ViT, with layer norm before each sublayer.
 *
 *      h₋₁ = [cls; W_P patch₁ + b; W_P patch₂ + b; …] + position
 *      a_l = h_{l−1} + W_O attention(W_Q LN h_{l−1}, W_K LN h_{l−1}, W_V LN h_{l−1})
 *      h_l = a_l + W_2 act(W_1 LN a_l)
 *      logits = W_C LN(h_L)[0] + b
 *
 *  Inputs: `pixelValues [batch, channels, imageSize, imageSize]`, normalized as in training; for the head
 *  `labels [batch]`, int32. Outputs: `hidden [batch, patches + 1, hiddenSize]`, after the last layer norm; of the head
 *  `logits [batch, numLabels]` and `negativeLogLikelihood [batch]`. Parameters have the names that Hugging Face's
 *  `ViTForImageClassification` gives them.
 *  @see Dosovitskiy et al. (2021), An Image is Worth 16x16 Words: Transformers for Image Recognition at Scale.
 */
export function vit(config: VitConfig, { head }: ArchitectureOptions = {}): Graph {
  const graph = graphBuilder('vit')
  const { hiddenSize, numChannels, imageSize, numLabels = 2 } = config
  const pixels = graph.input('pixelValues', 'float32', ['batch', numChannels, imageSize, imageSize])
  const stream = transformerLayers(
    graph,
    { ...config, activation: config.hiddenAct, norm: 'pre', causal: false, weightLayout: 'outIn' },
    layerModules,
    embeddings(graph, config, pixels),
    null,
  )
  const hidden = layerNorm(graph, stream, config, 'vit.layernorm', 'residual.final')
  graph.tap('residual.final', 'residual', null, hidden)
  graph.output('hidden', hidden)
  if ((head ?? config.head) === 'none') return graph.build()
  classificationHead(graph, graph.first(hidden, 'pooler'), [hiddenSize, numLabels])
  return graph.build()
}

function layerModules(layer: number): LayerModules {
  const module = `vit.encoder.layer.${layer}`
  const attention = `${module}.attention.attention`
  return {
    queryKeyValue: [`${attention}.query`, `${attention}.key`, `${attention}.value`],
    attentionOutput: `${module}.attention.output.dense`,
    attentionNorm: `${module}.layernorm_before`,
    intermediate: `${module}.intermediate.dense`,
    output: `${module}.output.dense`,
    outputNorm: `${module}.layernorm_after`,
  }
}

function embeddings(graph: GraphBuilder, config: VitConfig, pixels: ValueId): ValueId {
  const { hiddenSize, numChannels, imageSize, patchSize } = config
  const module = 'vit.embeddings'
  const projection = `${module}.patch_embeddings.projection`
  const length = (imageSize / patchSize) ** 2 + 1
  const token = graph.parameter(`${module}.cls_token`, [1, 1, hiddenSize])
  const positionTable = graph.parameter(`${module}.position_embeddings`, [1, length, hiddenSize])
  const weight = graph.parameter(`${projection}.weight`, [hiddenSize, numChannels, patchSize, patchSize])
  const bias = graph.parameter(`${projection}.bias`, [hiddenSize])
  const patches = graph.patches(pixels, patchSize, `${module}.patches`)
  const embedded = graph.prepend(token, graph.linear(patches, weight, bias, projection), `${module}.tokens`)
  const positions = graph.positions(positionTable, embedded, `${module}.positions`)
  const placed = graph.add(embedded, positions, 'residual.embeddings')
  graph.tap('residual.embeddings', 'residual', -1, placed)
  return placed
}

const vitConfigJson = z.object({
  architectures: z.array(z.string()).nullish(),
  hidden_size: count,
  num_hidden_layers: count,
  num_attention_heads: count,
  intermediate_size: count,
  image_size: count,
  patch_size: count,
  num_channels: count,
  layer_norm_eps: z.number().positive(),
  hidden_act: activationName,
  qkv_bias: z.boolean().default(true),
  ...numLabelsJson,
})

/** Read ViT's configuration from the content of a `config.json`.
 *
 *  @param where The file, for the errors.
 *  @throws {UserError} naming the file and the field, with what was expected and found.
 */
export function vitConfig(json: unknown, where: string): VitConfig {
  const config = parseConfig(vitConfigJson, json, where)
  checkHeads(config.hidden_size, config.num_attention_heads, ['hidden_size', 'num_attention_heads'], where)
  if (config.image_size % config.patch_size !== 0) {
    throw new UserError(
      `${where}: image_size must be divisible by patch_size, but ${config.image_size} is not by ` +
        `${config.patch_size}; correct the configuration`,
    )
  }
  return {
    hiddenSize: config.hidden_size,
    numHiddenLayers: config.num_hidden_layers,
    numAttentionHeads: config.num_attention_heads,
    intermediateSize: config.intermediate_size,
    imageSize: config.image_size,
    patchSize: config.patch_size,
    numChannels: config.num_channels,
    layerNormEps: config.layer_norm_eps,
    hiddenAct: config.hidden_act,
    queryKeyValueBias: config.qkv_bias,
    head: headOfClass(
      { ViTForImageClassification: 'imageClassification', ViTModel: 'none' } as const,
      config.architectures,
      where,
    ),
    numLabels: numLabelsOf(config),
  }
}
