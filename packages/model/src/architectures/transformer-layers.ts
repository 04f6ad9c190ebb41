import type { ValueId, WeightLayout } from '../graph.ts'
import type { GraphBuilder } from '../graph-builder.ts'
import { type Activation, activation, dense, layerNorm } from './layers.ts'

/** What the layers of one model have in common. */
export interface TransformerConfig {
  readonly hiddenSize: number
  readonly numHiddenLayers: number
  readonly numAttentionHeads: number
  readonly intermediateSize: number
  readonly layerNormEps: number
  readonly activation: Activation
  /** Where the layer norms stand: after each addition to the residual stream, or before each sublayer. */
  readonly norm: 'post' | 'pre'
  readonly causal: boolean
  readonly weightLayout: WeightLayout
  /** Whether query, key and value have biases. */
  readonly queryKeyValueBias: boolean
}

/** The names that a checkpoint gives to the modules of one layer. */
export interface LayerModules {
  /** Of query, key and value, or of the one module that computes all three, one after the other. */
  readonly queryKeyValue: readonly [string, string, string] | string
  readonly attentionOutput: string
  readonly attentionNorm: string
  readonly intermediate: string
  readonly output: string
  readonly outputNorm: string
}

/** Add the layers of a transformer, with their taps.
 *
 *      post: a = LN(h + W_O attention(W_Q h, W_K h, W_V h))       h' = LN(a + W_2 act(W_1 a))
 *      pre:  a = h + W_O attention(W_Q LN h, W_K LN h, W_V LN h)  h' = a + W_2 act(W_1 LN a)
 *
 *  The residual taps are what the next sublayer's skip connection carries: a and h'.
 *  @param modulesOf The names of the modules of a layer, counted from 0.
 *  @param hidden What the first layer reads, `[batch, sequence, hiddenSize]`.
 *  @param mask An input `[batch, sequence]`, or null.
 *  @returns h' of the last layer.
 *  @see Vaswani et al. (2017), Attention Is All You Need; Xiong et al. (2020), On Layer Normalization in the Transformer
 *    Architecture, for the two places of the norm.
 */
export function transformerLayers(
  graph: GraphBuilder,
  config: TransformerConfig,
  modulesOf: (layer: number) => LayerModules,
  hidden: ValueId,
  mask: ValueId | null,
): ValueId {
  let stream = hidden
  for (let layer = 0; layer < config.numHiddenLayers; layer++) {
    const modules = modulesOf(layer)
    stream = sublayer(graph, config, modules.attentionNorm, stream, `residual.${layer}.attention`, (input) =>
      attention(graph, config, modules, layer, input, mask),
    )
    graph.tap(stream, 'residual', layer, stream)
    stream = sublayer(graph, config, modules.outputNorm, stream, `residual.${layer}.output`, (input) =>
      feedForward(graph, config, modules, layer, input),
    )
    graph.tap(stream, 'residual', layer, stream)
  }
  return stream
}

/** Add a sublayer's output to the residual stream, with the layer norm before or after. */
function sublayer(
  graph: GraphBuilder,
  config: TransformerConfig,
  norm: string,
  stream: ValueId,
  name: string,
  compute: (input: ValueId) => ValueId,
): ValueId {
  if (config.norm === 'pre') return graph.add(stream, compute(layerNorm(graph, stream, config, norm, norm)), name)
  return layerNorm(graph, graph.add(compute(stream), stream, `${norm}.input`), config, norm, name)
}

function attention(
  graph: GraphBuilder,
  config: TransformerConfig,
  modules: LayerModules,
  layer: number,
  input: ValueId,
  mask: ValueId | null,
): ValueId {
  const { hiddenSize, numAttentionHeads: numHeads, causal, weightLayout } = config
  const [query, key, value] = queryKeyValue(graph, config, modules, layer, input)
  const context = graph.attention({ query, key, value, mask, numHeads, causal }, `attention.${layer}`)
  graph.tap(`query.${layer}`, 'query', layer, query)
  graph.tap(`key.${layer}`, 'key', layer, key)
  graph.tap(`attention.${layer}`, 'attention', layer, context)
  return dense(graph, context, [hiddenSize, hiddenSize], modules.attentionOutput, { weightLayout })
}

function queryKeyValue(
  graph: GraphBuilder,
  { hiddenSize: size, weightLayout, queryKeyValueBias: bias }: TransformerConfig,
  { queryKeyValue: modules }: LayerModules,
  layer: number,
  input: ValueId,
): readonly [ValueId, ValueId, ValueId] {
  const names = [`query.${layer}`, `key.${layer}`, `value.${layer}`]
  if (typeof modules === 'string') {
    const fused = dense(graph, input, [size, 3 * size], modules, { bias, weightLayout })
    const [query, key, value] = names.map((name, i) => graph.slice(fused, { start: i * size, size }, name))
    return [query!, key!, value!]
  }
  const [query, key, value] = modules.map((module, i) =>
    dense(graph, input, [size, size], module, { name: names[i]!, bias, weightLayout }),
  )
  return [query!, key!, value!]
}

function feedForward(
  graph: GraphBuilder,
  { hiddenSize, intermediateSize, activation: kind, weightLayout }: TransformerConfig,
  modules: LayerModules,
  layer: number,
  input: ValueId,
): ValueId {
  const expanded = dense(graph, input, [hiddenSize, intermediateSize], modules.intermediate, { weightLayout })
  const activated = activation(graph, kind, expanded, `ffn.${layer}`)
  graph.tap(`ffn.${layer}`, 'ffn', layer, activated)
  return dense(graph, activated, [intermediateSize, hiddenSize], modules.output, { weightLayout })
}
