import { UserError } from '@isthmus/tensor'
import { describe, expect, it } from 'vitest'
import { type BertConfig, bert, bertConfig } from '../src/index.ts'

const json = {
  model_type: 'bert',
  hidden_size: 8,
  num_hidden_layers: 2,
  num_attention_heads: 2,
  intermediate_size: 12,
  vocab_size: 20,
  max_position_embeddings: 16,
  type_vocab_size: 2,
  layer_norm_eps: 1e-12,
  hidden_act: 'gelu',
}
const config: BertConfig = {
  hiddenSize: 8,
  numHiddenLayers: 2,
  numAttentionHeads: 2,
  intermediateSize: 12,
  vocabSize: 20,
  maxPositionEmbeddings: 16,
  typeVocabSize: 2,
  layerNormEps: 1e-12,
  hiddenAct: 'gelu',
  tieWordEmbeddings: true,
}
const namesOf = (list: readonly { name: string }[]) => list.map(({ name }) => name)

describe('bert', () => {
  it('is tapped where the paper reads features', () => {
    const layer = (l: number) => [
      { name: `query.${l}`, site: 'query', layer: l, width: 8 },
      { name: `key.${l}`, site: 'key', layer: l, width: 8 },
      { name: `attention.${l}`, site: 'attention', layer: l, width: 8 },
      { name: `residual.${l}.attention`, site: 'residual', layer: l, width: 8 },
      { name: `ffn.${l}`, site: 'ffn', layer: l, width: 12 },
      { name: `residual.${l}.output`, site: 'residual', layer: l, width: 8 },
    ]
    expect(bert(config).taps).toMatchObject([
      { name: 'residual.embeddings', site: 'residual', layer: -1, width: 8 },
      ...layer(0),
      ...layer(1),
      { name: 'mlmHead', site: 'mlmHead', layer: null, width: 8 },
    ])
  })

  it('takes a mask with padding only, and positions and labels with a head only', () => {
    expect(namesOf(bert(config).inputs)).toEqual([
      'inputIds',
      'tokenTypeIds',
      'attentionMask',
      'selectedPositions',
      'labels',
    ])
    const bare = bert(config, { padding: false, head: 'none' })
    expect(namesOf(bare.inputs)).toEqual(['inputIds', 'tokenTypeIds'])
    expect(Object.keys(bare.outputs)).toEqual(['hidden'])
    expect(namesOf(bare.parameters).filter((name) => name.startsWith('cls.'))).toEqual([])
  })

  it('decodes with the word embeddings, unless they are untied', () => {
    const decoderOf = (tieWordEmbeddings: boolean) =>
      bert({ ...config, tieWordEmbeddings }).nodes.find(({ output }) => output === 'logits')
    expect(decoderOf(true)).toMatchObject({ weight: 'bert.embeddings.word_embeddings.weight' })
    expect(decoderOf(false)).toMatchObject({ weight: 'cls.predictions.decoder.weight', bias: 'cls.predictions.bias' })
    const own = bert(config, { decoder: 'untied' })
    expect(own).toEqual(bert({ ...config, tieWordEmbeddings: false }))
    expect(own.parameters).toContainEqual({ name: 'cls.predictions.decoder.weight', shape: [20, 8] })
    expect(bert({ ...config, tieWordEmbeddings: false }, { decoder: 'tied' })).toEqual(bert(config))
  })

  it('classifies what its pooler makes of the first token', () => {
    const classifier = bert({ ...config, head: 'sequenceClassification', numLabels: 3 }, { padding: false })
    expect(classifier.inputs).toContainEqual({ name: 'labels', dtype: 'int32', shape: ['batch'] })
    expect(classifier.taps.at(-1)).toMatchObject({ name: 'pooler', site: 'pooler', layer: null, width: 8 })
    expect(Object.keys(classifier.outputs)).toEqual(['hidden', 'logits', 'negativeLogLikelihood'])
    expect(classifier.shapes.logits).toEqual(['batch', 3])
    expect(namesOf(classifier.parameters).filter((name) => !name.startsWith('bert.e'))).toEqual([
      'bert.pooler.dense.weight',
      'bert.pooler.dense.bias',
      'classifier.weight',
      'classifier.bias',
    ])
  })

  it('takes the squared error of the score where there is one label, as Hugging Face does', () => {
    const regression = bert({ ...config, head: 'sequenceClassification', numLabels: 1 }, { padding: false })
    expect(regression.inputs).toContainEqual({ name: 'labels', dtype: 'float32', shape: ['batch'] })
    expect(regression.shapes.logits).toEqual(['batch', 1])
    expect(regression.nodes.at(-1)).toEqual({
      op: 'squaredError',
      predictions: 'logits',
      labels: 'labels',
      output: 'negativeLogLikelihood',
    })
  })

  it('uses the activation of its configuration', () => {
    const activations = (hiddenAct: BertConfig['hiddenAct']) =>
      bert({ ...config, hiddenAct }).nodes.filter(({ op }) => op === 'gelu' || op === 'relu')
    for (const node of activations('gelu')) expect(node).toMatchObject({ op: 'gelu', approximation: 'none' })
    for (const node of activations('gelu_new')) expect(node).toMatchObject({ op: 'gelu', approximation: 'tanh' })
    expect(activations('relu').map(({ op }) => op)).toEqual(['relu', 'relu', 'relu'])
  })
})

describe('bertConfig', () => {
  it('reads config.json and leaves out what the forward pass does not need', () => {
    expect(
      bertConfig({ ...json, torch_dtype: 'float32', position_embedding_type: 'absolute' }, 'm/config.json'),
    ).toEqual({ ...config, head: 'maskedLanguageModel' })
  })

  const misfits: [object, string][] = [
    [{ hidden_size: undefined }, 'hidden_size must be a number, but it is missing'],
    [{ hidden_size: '8' }, 'hidden_size must be a number, but it is "8"'],
    [{ vocab_size: 1.5 }, 'vocab_size must be a whole number, but it is 1.5'],
    [{ num_hidden_layers: 0 }, 'num_hidden_layers must be more than 0, but it is 0'],
    [{ layer_norm_eps: -1 }, 'layer_norm_eps must be more than 0, but it is -1'],
    [
      { hidden_act: 'silu' },
      'hidden_act must be "gelu" or "gelu_new" or "gelu_pytorch_tanh" or "relu", but it is "silu"',
    ],
    [
      { position_embedding_type: 'relative_key' },
      'position_embedding_type must be "absolute", but it is "relative_key"',
    ],
    [{ tie_word_embeddings: 1 }, 'tie_word_embeddings must be a boolean, but it is 1'],
    [
      { num_attention_heads: 3 },
      'hidden_size must be divisible by num_attention_heads, but 8 is not by 3; correct the configuration',
    ],
  ]
  for (const [change, sentence] of misfits) {
    it(`refuses ${JSON.stringify(change)}`, () => {
      const read = () => bertConfig({ ...json, ...change }, 'm/config.json')
      expect(read).toThrow(UserError)
      expect(read).toThrow(`m/config.json: ${sentence}`)
    })
  }
})
