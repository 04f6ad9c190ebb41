import { type BertConfig, bert, type Graph, gpt2, vit } from '@isthmus/model'
import { describe, expect, it } from 'vitest'
import { lowerGraph } from '../src/lower-graph.ts'

const config = {
  hiddenSize: 8,
  numHiddenLayers: 3,
  numAttentionHeads: 2,
  intermediateSize: 12,
  vocabSize: 20,
  maxPositionEmbeddings: 16,
  typeVocabSize: 2,
  layerNormEps: 1e-12,
  hiddenAct: 'gelu',
  tieWordEmbeddings: true,
} as const satisfies BertConfig

function operatorCounts(graph: Graph, names: readonly string[]): Record<string, number> {
  const counts: Record<string, number> = {}
  for (const { op } of lowerGraph(graph, names).model.nodes) counts[op] = (counts[op] ?? 0) + 1
  return counts
}

describe('lowerGraph', () => {
  it('fuses a BERT: what is left beside its large operators moves no numbers about', () => {
    const layers = config.numHiddenLayers
    expect(operatorCounts(bert(config), ['negativeLogLikelihood'])).toEqual({
      // Word and token type embeddings; the selected rows of the last attention, and of what it is added to.
      Gather: 4,
      // The first positions.
      Slice: 1,
      Add: 2 * layers + 2,
      LayerNormalization: 2 * layers + 2,
      Gemm: 6 * layers + 2,
      MultiHeadAttention: layers,
      Gelu: layers + 1,
      // Views: to rows once, and query, key, value and context of each layer to and from the batch.
      Reshape: 4 * layers + 1,
      Shape: 2,
      Concat: 1,
      // The loss of the selected positions.
      LogSoftmax: 1,
      Unsqueeze: 1,
      GatherElements: 1,
      Neg: 1,
      Squeeze: 1,
    })
    expect(operatorCounts(bert({ ...config, hiddenAct: 'gelu_new' }), ['hidden'])).toMatchObject({ FastGelu: layers })
    expect(operatorCounts(bert({ ...config, hiddenAct: 'relu' }), ['hidden'])).toMatchObject({ Relu: layers })
  })

  it('computes query, key and value of a GPT-2 in one product, with weights as they are stored', () => {
    const { model } = lowerGraph(gpt2(config, { padding: false }), ['logits'])
    const products = model.nodes.filter(({ op }) => op === 'Gemm')
    expect(products).toHaveLength(4 * config.numHiddenLayers + 1)
    expect(products.filter(({ attributes }) => attributes.transB === 0)).toHaveLength(4 * config.numHiddenLayers)
    expect(operatorCounts(gpt2(config, { padding: false }), ['logits'])).toMatchObject({
      Slice: 3 * config.numHiddenLayers + 1,
      MultiHeadAttention: config.numHiddenLayers,
    })
    expect(model.nodes.map(({ op }) => op)).not.toContain('Transpose')
  })

  it('reads the patches of an image in one product, and moves each number once to do so', () => {
    const images = { ...config, imageSize: 8, patchSize: 2, numChannels: 3, queryKeyValueBias: true }
    expect(operatorCounts(vit(images), ['logits'])).toMatchObject({
      Transpose: 1,
      Expand: 1,
      Gemm: 6 * config.numHiddenLayers + 2,
    })
  })

  it('leaves out what the outputs do not need', () => {
    const { model, graph } = lowerGraph(bert(config), ['residual.embeddings'])
    expect(model.nodes.map(({ op }) => op)).not.toContain('Gemm')
    expect(model.inputs.map(({ name }) => name)).toEqual([
      'inputIds',
      'tokenTypeIds',
      ...graph.parameters.map(({ name }) => name),
    ])
    expect(graph.parameters.every(({ name }) => name.startsWith('bert.embeddings.'))).toBe(true)
  })

  it('gives results their shapes, with the batch, whatever layout they are computed in', () => {
    const { results } = lowerGraph(bert(config), ['ffn.1', 'attention.1', 'logits', 'hidden'])
    expect(Object.fromEntries([...results].map(([name, { shape }]) => [name, shape]))).toEqual({
      'ffn.1': ['batch', 'sequence', 12],
      'attention.1': ['batch', 'sequence', 8],
      logits: ['selected', 20],
      hidden: ['batch', 'sequence', 8],
    })
  })
})
