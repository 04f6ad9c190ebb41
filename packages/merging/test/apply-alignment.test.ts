import { type Alignment, graphSpace } from '@isthmus/alignment'
import { bert, drawSymmetry, type Graph, interpret, keepsFunction, symmetries } from '@isthmus/model'
import { identityPermutation, type Permutation, permutation, type Tensor, UserError } from '@isthmus/tensor'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { applyAlignment, type ParameterReader, readWeights } from '../src/index.ts'
import { graphOfConfig, randomWeights, readerOf, smallConfig } from './small-bert.ts'

const sequences = 3
const length = 4
const vocabSize = 9

/** Small BERTs with two heads or more, wide enough that nothing but a symmetry can keep the logits. */
const graphs = fc
  .record({
    numHiddenLayers: fc.integer({ min: 1, max: 2 }),
    numAttentionHeads: fc.integer({ min: 2, max: 3 }),
    headSize: fc.integer({ min: 2, max: 4 }),
    intermediateSize: fc.integer({ min: 2, max: 9 }),
    tieWordEmbeddings: fc.boolean(),
    hiddenAct: fc.constantFrom('gelu' as const, 'gelu_new' as const),
  })
  .map(({ headSize, ...sizes }) =>
    bert(
      {
        ...sizes,
        hiddenSize: sizes.numAttentionHeads * headSize,
        vocabSize,
        maxPositionEmbeddings: 5,
        typeVocabSize: 2,
        layerNormEps: 1e-12,
      },
      { padding: false },
    ),
  )

/** The logits at every position of some sequences, in f64. */
async function logitsOf(graph: Graph, read: ParameterReader): Promise<Float64Array> {
  const weights = await readWeights(
    read,
    graph.parameters.map(({ name }) => name),
  )
  const widened = [...weights].map(([name, { shape, data }]): [string, Tensor<Float64Array>] => [
    name,
    { shape, data: Float64Array.from(data) },
  ])
  const tokens = (id: (i: number) => number) => ({
    shape: [sequences, length],
    data: Int32Array.from({ length: sequences * length }, (_, i) => id(i)),
  })
  const inputs = {
    inputIds: tokens((i) => (i * i + 2 * i) % vocabSize),
    tokenTypeIds: tokens((i) => i % 2),
    selectedPositions: { shape: [sequences * length], data: tokens((i) => i).data },
  }
  return interpret(graph, new Map(widened), inputs, ['logits']).logits!.data
}

function largestDifference(x: Float64Array, y: Float64Array): number {
  return x.reduce((largest, value, i) => Math.max(largest, Math.abs(value - y[i]!)), 0)
}

/** Permutations of the graph's own axes. */
function inGraphSpace(permutations: ReadonlyMap<string, Permutation>): Alignment {
  return { permutations, space: graphSpace }
}

describe('applyAlignment', () => {
  it('keeps the logits of every model under every symmetry', async () => {
    await fc.assert(
      fc.asyncProperty(graphs, fc.nat(), async (graph, seed) => {
        const read = readerOf(randomWeights(graph, seed))
        const aligned = applyAlignment(read, graph, inGraphSpace(drawSymmetry(symmetries(graph), seed)))
        // Logits are of some tens: in f64 a sum that is only reordered moves by some 1e-14.
        expect(largestDifference(await logitsOf(graph, aligned), await logitsOf(graph, read))).toBeLessThan(1e-10)
      }),
      { numRuns: 50 },
    )
  })

  it('changes them under what is no symmetry', async () => {
    await fc.assert(
      fc.asyncProperty(graphs, fc.nat(), async (graph, seed) => {
        const group = symmetries(graph)
        const { size } = group.axisOfTap('attention.0')!
        const rotated = permutation(Int32Array.from({ length: size }, (_, i) => (i + 1) % size))
        const permutations = new Map([['attention.0', rotated]])
        expect(keepsFunction(group, permutations).kept).toBe(false)
        const read = readerOf(randomWeights(graph, seed))
        const difference = largestDifference(
          await logitsOf(graph, applyAlignment(read, graph, inGraphSpace(permutations))),
          await logitsOf(graph, read),
        )
        expect(difference).toBeGreaterThan(1e-6)
      }),
      // Almost all weights are generic, but not all: the draws are fixed.
      { seed: 2024, numRuns: 25 },
    )
  })

  const graph = graphOfConfig(smallConfig)
  const group = symmetries(graph)
  const weights = randomWeights(graph, 1)
  const swapped = permutation(Int32Array.of(1, 0, 2, 3, 4))

  it('permutes rows, biases and columns alike: B′[i] = B[π(i)]', async () => {
    const aligned = applyAlignment(readerOf(weights), graph, inGraphSpace(new Map([['ffn.0', swapped]])))
    const bias = 'bert.encoder.layer.0.intermediate.dense.bias'
    expect((await aligned(bias)).data).toEqual(weights.get(bias)!.data.map((_, i, own) => own[swapped[i]!]!))
    const columns = 'bert.encoder.layer.0.output.dense.weight'
    const own = weights.get(columns)!.data
    expect((await aligned(columns)).data).toEqual(own.map((_, i) => own[i - (i % 5) + swapped[i % 5]!]!))
  })

  it('permutes every axis of every parameter that belongs to an axis of the alignment', async () => {
    const permutations = drawSymmetry(group, 5)
    const aligned = applyAlignment(readerOf(weights), graph, inGraphSpace(permutations))
    for (const { name, shape } of graph.parameters) {
      const moved = shape.map((size, axis) => {
        const owner = group.axes.find(({ members }) => members.some((m) => m.parameter === name && m.axis === axis))
        return owner === undefined ? identityPermutation(size) : permutations.get(owner.name)!
      })
      const [rows, columns = identityPermutation(1)] = moved
      const own = weights.get(name)!.data
      const expected = [...rows!].flatMap((row) => [...columns].map((column) => own[row * columns.length + column]!))
      expect([...(await aligned(name)).data], name).toEqual(expected)
    }
  })

  it('transports as it permutes, along every axis of every parameter', async () => {
    const permutations = drawSymmetry(group, 7)
    const transports = new Map(
      [...permutations].map(([name, p]) => {
        const data = new Float32Array(p.length * p.length)
        for (const [i, from] of p.entries()) data[i * p.length + from] = 1
        return [name, { shape: [p.length, p.length], data }]
      }),
    )
    const permuted = applyAlignment(readerOf(weights), graph, inGraphSpace(permutations))
    const transported = applyAlignment(readerOf(weights), graph, {
      permutations: new Map(),
      transports,
      space: graphSpace,
    })
    for (const { name } of graph.parameters) expect(await transported(name), name).toEqual(await permuted(name))
  })

  it('transports by means: rows of what writes an axis, columns of what reads it', async () => {
    const mean = { shape: [5, 5], data: new Float32Array(25).fill(0.2) }
    const aligned = applyAlignment(readerOf(weights), graph, {
      permutations: new Map(),
      transports: new Map([['ffn.0', mean]]),
      space: graphSpace,
    })
    const bias = 'bert.encoder.layer.0.intermediate.dense.bias'
    const average = weights.get(bias)!.data.reduce((sum, value) => sum + value, 0) / 5
    for (const value of (await aligned(bias)).data) expect(Math.abs(value - average)).toBeLessThan(1e-6)
    const { data } = await aligned('bert.encoder.layer.0.output.dense.weight')
    const own = weights.get('bert.encoder.layer.0.output.dense.weight')!.data
    for (const [k, value] of data.entries()) {
      const row = own.subarray(k - (k % 5), k - (k % 5) + 5)
      expect(Math.abs(value - row.reduce((sum, element) => sum + element, 0) / 5)).toBeLessThan(1e-6)
    }
  })

  it('refuses a transport of another size', () => {
    const transports = new Map([['ffn.1', { shape: [6, 6], data: new Float32Array(36) }]])
    expect(() =>
      applyAlignment(readerOf(weights), graph, { permutations: new Map(), transports, space: graphSpace }),
    ).toThrow(
      new UserError(
        "the alignment transports 6 features of 'ffn.1', but the model has 5 features there: was it made for another " +
          'architecture?',
      ),
    )
  })

  it('reads what it does not permute as it is', async () => {
    const permutations = new Map<string, Permutation>([
      ['ffn.0', swapped],
      ['ffn.1', identityPermutation(5)],
    ])
    const aligned = applyAlignment(readerOf(weights), graph, inGraphSpace(permutations))
    for (const name of ['bert.encoder.layer.1.intermediate.dense.weight', 'cls.predictions.bias']) {
      expect(await aligned(name)).toEqual(weights.get(name))
    }
  })

  it('refuses an axis that the model lacks, or one of another size', () => {
    const apply = (name: string, size: number) => () =>
      applyAlignment(readerOf(weights), graph, inGraphSpace(new Map([[name, identityPermutation(size)]])))
    expect(apply('ffn.2', 5)).toThrow(
      new UserError(
        "the alignment permutes 5 features of 'ffn.2', but the model has no such axis: was it made for another architecture?",
      ),
    )
    expect(apply('ffn.1', 6)).toThrow(
      new UserError(
        "the alignment permutes 6 features of 'ffn.1', but the model has 5 features there: was it made for another " +
          'architecture?',
      ),
    )
  })
})
