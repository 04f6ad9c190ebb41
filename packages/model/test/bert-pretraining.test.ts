import { type Tensor, tensor } from '@isthmus/tensor'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { type BertConfig, bert, interpret, objectiveOf, randomParameters } from '../src/index.ts'

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
const length = 6
const tokens = fc.array(fc.nat({ max: config.vocabSize - 1 }), { minLength: length, maxLength: length })

function inputsOf(ids: readonly number[]) {
  return {
    inputIds: tensor(Int32Array.from(ids), [1, length]),
    tokenTypeIds: tensor(new Int32Array(length), [1, length]),
    selectedPositions: tensor(
      Int32Array.from(ids, (_, i) => i),
      [length],
    ),
  }
}

describe('a causal BERT', () => {
  const graph = bert(config, { padding: false, causal: true })
  const parameters = randomParameters(graph, 7)
  const logitsOf = (ids: readonly number[]) => interpret(graph, parameters, inputsOf(ids), ['logits']).logits!.data

  it('predicts the next token', () => {
    expect(objectiveOf(graph)).toBe('nextToken')
    expect(objectiveOf(bert(config))).toBe('maskedLanguageModel')
  })

  it('computes the logits of a position from nothing that comes later', () =>
    expect(
      fc.assert(
        fc.property(tokens, tokens, fc.integer({ min: 1, max: length - 1 }), (ids, other, from) => {
          const changed = [...ids.slice(0, from), ...other.slice(from)]
          const before = from * config.vocabSize
          expect(logitsOf(changed).subarray(0, before)).toEqual(logitsOf(ids).subarray(0, before))
        }),
        { numRuns: 20 },
      ),
    ).toBeUndefined())

  it('has the parameters of one that sees both sides', () => {
    expect(graph.parameters).toEqual(bert(config).parameters)
  })
})

describe('a BERT whose sequences begin at another position', () => {
  it('computes what one from 0 does whose table begins there', () =>
    expect(
      fc.assert(
        fc.property(tokens, fc.nat({ max: config.maxPositionEmbeddings - length }), (ids, firstPosition) => {
          const graph = bert(config, { padding: false, firstPosition })
          const parameters = randomParameters(graph, 3)
          const logits = interpret(graph, parameters, inputsOf(ids), ['logits']).logits!
          const moved = movedTable(parameters, firstPosition)
          expect(interpret(bert(config, { padding: false }), moved, inputsOf(ids), ['logits']).logits).toEqual(logits)
        }),
        { numRuns: 20 },
      ),
    ).toBeUndefined())

  it('refuses a position outside of the table', () => {
    expect(() => bert(config, { firstPosition: 16 })).toThrow(
      "needs an offset among the 16 rows of 'bert.embeddings.position_embeddings.weight', found 16",
    )
  })
})

/** The rows of the position table from one on, the others behind them. */
function movedTable(parameters: ReadonlyMap<string, Tensor<Float64Array>>, first: number) {
  const name = 'bert.embeddings.position_embeddings.weight'
  const { shape, data } = parameters.get(name)!
  const start = first * config.hiddenSize
  const moved = Float64Array.of(...data.subarray(start), ...data.subarray(0, start))
  return new Map(parameters).set(name, { shape, data: moved })
}
