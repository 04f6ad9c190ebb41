import { identityPermutation, permutation, ShapeError, UserError } from '@isthmus/tensor'
import { describe, expect, it } from 'vitest'
import { bert, describeSymmetries, keepsFunction, symmetries } from '../src/index.ts'

const graph = bert({
  hiddenSize: 4,
  numHiddenLayers: 1,
  numAttentionHeads: 2,
  intermediateSize: 3,
  vocabSize: 7,
  maxPositionEmbeddings: 5,
  typeVocabSize: 1,
  layerNormEps: 1e-12,
  hiddenAct: 'gelu',
  tieWordEmbeddings: true,
})
const derived = symmetries(graph)
const verdict = (permutations: Record<string, number[]>) =>
  keepsFunction(
    derived,
    new Map(Object.entries(permutations).map(([name, p]) => [name, permutation(Int32Array.from(p))])),
  )

describe('keepsFunction', () => {
  it('accepts the identity, named or not, and free axes in any order', () => {
    expect(verdict({})).toEqual({ kept: true })
    expect(verdict({ 'attention.0': [0, 1, 2, 3], residual: [3, 1, 0, 2], 'ffn.0': [2, 0, 1] })).toEqual({ kept: true })
  })

  it('accepts whole heads in one order, each with an order of its own inside', () => {
    expect(verdict({ 'attention.0': [3, 2, 0, 1], 'queryKey.0': [2, 3, 1, 0] })).toEqual({ kept: true })
    expect(verdict({ 'attention.0': [1, 0, 2, 3] })).toEqual({ kept: true })
  })

  it('refuses features that leave their head', () => {
    expect(verdict({ 'attention.0': [0, 2, 1, 3], 'queryKey.0': [0, 2, 1, 3] })).toEqual({
      kept: false,
      reason: "the permutation of 'queryKey.0' mixes features of different heads.",
    })
  })

  it('refuses different orders of heads for query and key than for value and context', () => {
    expect(verdict({ 'attention.0': [2, 3, 0, 1] })).toEqual({
      kept: false,
      reason:
        "'queryKey.0' and 'attention.0' share the heads of 'heads.0', but are permuted to different orders of them: " +
        '0 1 and 1 0.',
    })
  })

  it('does not know axes or sizes that the model does not have', () => {
    const longer = () => keepsFunction(derived, new Map([['residual', identityPermutation(5)]]))
    expect(longer).toThrow(new ShapeError("axis 'residual' has 4 features, but its permutation is of 5"))
    const unknown = () => keepsFunction(derived, new Map([['ffn.1', identityPermutation(3)]]))
    expect(unknown).toThrow(
      new UserError("there is no axis 'ffn.1' to permute; the model has residual, queryKey.0, attention.0, ffn.0"),
    )
  })
})

describe('describeSymmetries', () => {
  it('has a line for each free axis and each group of heads', () => {
    expect(describeSymmetries(derived)).toEqual([
      'residual: 4 features, 22 axes of 21 parameters',
      'heads.0: 2 heads, with queryKey.0 (2 × 2 features) and attention.0 (2 × 2 features)',
      'ffn.0: 3 features, 3 axes of 3 parameters',
    ])
  })
})
