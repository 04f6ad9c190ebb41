import type { Permutation, Tensor } from '@isthmus/tensor'
import fc from 'fast-check'
import { uniformFloat64 } from 'pure-rand/distribution/uniformFloat64'
import { uniformInt } from 'pure-rand/distribution/uniformInt'
import { mersenne } from 'pure-rand/generator/mersenne'
import {
  bert,
  distilbert,
  type Graph,
  gpt2,
  interpret,
  type ParameterAxis,
  permuteMember,
  randomParameters,
  roberta,
  vit,
} from '../src/index.ts'

export type Parameters = ReadonlyMap<string, Tensor<Float64Array>>
export type Inputs = Record<string, Tensor<Int32Array> | Tensor<Float32Array>>

/** Every architecture with every head that gives logits. */
export const kinds = [
  'bert',
  'bert classifier',
  'roberta',
  'roberta classifier',
  'distilbert',
  'distilbert classifier',
  'gpt2',
  'vit',
] as const
export type Kind = (typeof kinds)[number]

/** Those with a masked language model's head, and how the names of its parameters start. */
export const maskedLanguageModels = { bert: 'cls.', roberta: 'lm_head.', distilbert: 'vocab_' } as const

/** A small model with random weights, and a batch to run it on. */
export interface RandomModel {
  readonly kind: Kind
  readonly config: Sizes
  readonly graph: Graph
  readonly parameters: Parameters
  readonly inputs: Inputs
}

/** Small models of all shapes. `generic`: wide and long enough that nothing but a symmetry can keep the logits, and
 *  without `relu`, whose silent units hide what happens to them. */
export function randomModel(kind: Kind, { generic }: { generic: boolean }): fc.Arbitrary<RandomModel> {
  const shape = generic
    ? { numAttentionHeads: fc.integer({ min: 2, max: 3 }), headSize: fc.integer({ min: 3, max: 4 }), min: 3 }
    : { numAttentionHeads: fc.integer({ min: 1, max: 4 }), headSize: fc.integer({ min: 1, max: 4 }), min: 1 }
  return fc
    .record({
      numHiddenLayers: fc.integer({ min: 1, max: generic ? 2 : 3 }),
      numAttentionHeads: shape.numAttentionHeads,
      headSize: shape.headSize,
      intermediateSize: fc.integer({ min: shape.min, max: 9 }),
      vocabSize: fc.integer({ min: generic ? 6 : 1, max: 11 }),
      typeVocabSize: fc.integer({ min: 1, max: 3 }),
      numLabels: fc.integer({ min: 1, max: 4 }),
      layerNormEps: fc.constantFrom(1e-12, 1e-5),
      hiddenAct: fc.constantFrom('gelu' as const, 'gelu_new' as const, ...(generic ? [] : ['relu' as const])),
      tieWordEmbeddings: fc.boolean(),
      queryKeyValueBias: fc.boolean(),
      padding: fc.boolean(),
      batch: generic ? fc.constant(3) : fc.integer({ min: 1, max: 2 }),
      sequence: fc.integer({ min: generic ? 4 : 1, max: 5 }),
      seed: fc.integer(),
    })
    .map(({ headSize, padding, batch, sequence, seed, ...sizes }) => {
      const config = { ...sizes, hiddenSize: sizes.numAttentionHeads * headSize, ...fixedSizes }
      const graph = graphs[kind](config, padding)
      const inputs = randomInputs(graph, config, batch, sequence, seed)
      return { kind, config, graph, parameters: randomParameters(graph, seed), inputs }
    })
}

const fixedSizes = { maxPositionEmbeddings: 8, padTokenId: 1, imageSize: 4, patchSize: 2, numChannels: 2 }

interface Sizes {
  readonly hiddenSize: number
  readonly numHiddenLayers: number
  readonly numAttentionHeads: number
  readonly intermediateSize: number
  readonly vocabSize: number
  readonly maxPositionEmbeddings: number
  readonly typeVocabSize: number
  readonly padTokenId: number
  readonly imageSize: number
  readonly patchSize: number
  readonly numChannels: number
  readonly numLabels: number
  readonly layerNormEps: number
  readonly hiddenAct: 'gelu' | 'gelu_new' | 'relu'
  readonly tieWordEmbeddings: boolean
  readonly queryKeyValueBias: boolean
}

const graphs: Readonly<Record<Kind, (config: Sizes, padding: boolean) => Graph>> = {
  bert: (config, padding) => bert(config, { padding }),
  'bert classifier': (config, padding) => bert({ ...config, head: 'sequenceClassification' }, { padding }),
  roberta: (config, padding) => roberta(config, { padding }),
  'roberta classifier': (config, padding) => roberta({ ...config, head: 'sequenceClassification' }, { padding }),
  distilbert: (config, padding) => distilbert(config, { padding }),
  'distilbert classifier': (config, padding) => distilbert({ ...config, head: 'sequenceClassification' }, { padding }),
  gpt2: (config, padding) => gpt2(config, { padding }),
  vit: (config) => vit(config),
}

/** Every position selected, and at least three tokens of each sequence real. */
function randomInputs(graph: Graph, config: Sizes, batch: number, sequence: number, seed: number): Inputs {
  const generator = mersenne(seed)
  const sizes: Record<string, number> = { batch, sequence, selected: batch * sequence }
  const isClassifier =
    graph.outputs.logits !== undefined && !graph.inputs.some(({ name }) => name === 'selectedPositions')
  const draw: Record<string, (i: number) => number> = {
    inputIds: () => uniformInt(generator, 0, config.vocabSize - 1),
    tokenTypeIds: () => uniformInt(generator, 0, config.typeVocabSize - 1),
    attentionMask: (i) => (i % sequence < 3 ? 1 : uniformInt(generator, 0, 1)),
    selectedPositions: (i) => i,
    labels: () => uniformInt(generator, 0, (isClassifier ? config.numLabels : config.vocabSize) - 1),
    pixelValues: () => 6 * uniformFloat64(generator) - 3,
  }
  return Object.fromEntries(
    graph.inputs.map(({ name, dtype, shape: dimensions }): [string, Inputs[string]] => {
      const shape = dimensions.map((dimension) => (typeof dimension === 'number' ? dimension : sizes[dimension]!))
      const elements = Array.from({ length: shape.reduce((product, n) => product * n, 1) }, (_, i) => draw[name]!(i))
      if (dtype === 'float32') return [name, { shape, data: Float32Array.from(elements) }]
      return [name, { shape, data: Int32Array.from(elements) }]
    }),
  )
}

/** Permute single axes of parameters: the application of a permutation, spelled out. */
export function permuted(
  parameters: Parameters,
  members: readonly ParameterAxis[],
  permutation: Permutation,
): Map<string, Tensor<Float64Array>> {
  const result = new Map(parameters)
  for (const member of members) {
    result.set(member.parameter, permuteMember(result.get(member.parameter)!, member, permutation))
  }
  return result
}

/** max |logits(a) − logits(b)| over a batch. */
export function logitDifference({ graph, inputs }: RandomModel, a: Parameters, b: Parameters): number {
  const [x, y] = [a, b].map((parameters) => interpret(graph, parameters, inputs, ['logits']).logits!.data)
  return x!.reduce((largest, element, i) => Math.max(largest, Math.abs(element - y![i]!)), 0)
}

/** Whether a parameter's axis is among what makes query, key or value in some layer. */
export function makes(graph: Graph, operand: 'query' | 'key' | 'value', member: ParameterAxis): boolean {
  return graph.nodes.some((attention) => {
    if (attention.op !== 'attention') return false
    const node = graph.nodes.find(({ output }) => output === attention[operand])!
    const linear = node.op === 'slice' ? graph.nodes.find(({ output }) => output === node.input)! : node
    if (linear.op !== 'linear') return false
    const isSegment = node.op !== 'slice' || member.segment?.offset === node.start
    return isSegment && (linear.bias === member.parameter || linear.weight === member.parameter)
  })
}

/** Whether it is a key's bias, which adds the same to every score of a query, so that softmax removes it. */
export function isKeyBias(graph: Graph, member: ParameterAxis): boolean {
  const isVector = graph.parameters.find(({ name }) => name === member.parameter)!.shape.length === 1
  return isVector && makes(graph, 'key', member)
}
