import { type Permutation, permuteAxis, type Tensor } from '@isthmus/tensor'
import fc from 'fast-check'
import { uniformInt } from 'pure-rand/distribution/uniformInt'
import { mersenne } from 'pure-rand/generator/mersenne'
import { type BertConfig, bert, type Graph, interpret, type ParameterAxis, randomParameters } from '../src/index.ts'

export type Parameters = ReadonlyMap<string, Tensor<Float64Array>>
export type Inputs = Record<string, Tensor<Int32Array>>

/** A small BERT with random weights, and a batch to run it on. */
export interface RandomBert {
  readonly config: BertConfig
  readonly graph: Graph
  readonly parameters: Parameters
  readonly inputs: Inputs
}

/** Small BERTs of all shapes. `generic`: wide and long enough that nothing but a symmetry can keep the logits, and
 *  without `relu`, whose silent units hide what happens to them. */
export function randomBert({ generic }: { generic: boolean }): fc.Arbitrary<RandomBert> {
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
      layerNormEps: fc.constantFrom(1e-12, 1e-5),
      hiddenAct: fc.constantFrom('gelu' as const, 'gelu_new' as const, ...(generic ? [] : ['relu' as const])),
      tieWordEmbeddings: fc.boolean(),
      padding: fc.boolean(),
      batch: generic ? fc.constant(3) : fc.integer({ min: 1, max: 2 }),
      sequence: fc.integer({ min: generic ? 4 : 1, max: 5 }),
      seed: fc.integer(),
    })
    .map(({ headSize, padding, batch, sequence, seed, ...sizes }) => {
      const hiddenSize = sizes.numAttentionHeads * headSize
      const config = { ...sizes, hiddenSize, maxPositionEmbeddings: 6 }
      const graph = bert(config, { padding })
      return {
        config,
        graph,
        parameters: randomParameters(graph, seed),
        inputs: randomInputs(config, padding, batch, sequence, seed),
      }
    })
}

function randomInputs(config: BertConfig, padding: boolean, batch: number, sequence: number, seed: number): Inputs {
  const generator = mersenne(seed)
  const draw = (n: number) => () => uniformInt(generator, 0, n - 1)
  const tokens = (f: (i: number) => number) => ({
    shape: [batch, sequence],
    data: Int32Array.from({ length: batch * sequence }, (_, i) => f(i)),
  })
  const selected = { shape: [batch * sequence], data: Int32Array.from({ length: batch * sequence }, (_, i) => i) }
  return {
    inputIds: tokens(draw(config.vocabSize)),
    tokenTypeIds: tokens(draw(config.typeVocabSize)),
    ...(padding ? { attentionMask: tokens((i) => (i % sequence < 3 ? 1 : draw(2)())) } : {}),
    selectedPositions: selected,
    labels: { shape: selected.shape, data: selected.data.map(draw(config.vocabSize)) },
  }
}

/** Permute single axes of parameters: the application of a permutation, spelled out. */
export function permuted(
  parameters: Parameters,
  members: readonly ParameterAxis[],
  permutation: Permutation,
): Map<string, Tensor<Float64Array>> {
  const result = new Map(parameters)
  for (const { parameter, axis } of members) {
    result.set(parameter, permuteAxis(result.get(parameter)!, axis, permutation))
  }
  return result
}

/** max |logits(a) − logits(b)| over a batch. */
export function logitDifference({ graph, inputs }: RandomBert, a: Parameters, b: Parameters): number {
  const [x, y] = [a, b].map((parameters) => interpret(graph, parameters, inputs, ['logits']).logits!.data)
  return x!.reduce((largest, element, i) => Math.max(largest, Math.abs(element - y![i]!)), 0)
}
