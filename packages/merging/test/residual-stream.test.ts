import { type Alignment, align, alignmentKeepsFunction, alignmentMethod, decoderOf } from '@isthmus/alignment'
import { type Graph, interpret } from '@isthmus/model'
import { type Permutation, permutation, permuteAxis, type Tensor, UserError } from '@isthmus/tensor'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { applyAlignment, decoderParameter, type ParameterReader, readWeights, untiedReader } from '../src/index.ts'
import { randomCorrelation } from './random-correlation.ts'
import { graphOfConfig, randomWeights, readerOf, smallConfig } from './small-bert.ts'

const words = 'bert.embeddings.word_embeddings.weight'
const decoder = 'cls.predictions.decoder.weight'
const hiddenSize = 8
const config = { ...smallConfig, hidden_size: hiddenSize }
const tied = graphOfConfig(config)

/** A model and itself moved by a residual method of random correlations. */
function move(name: string, seed: number) {
  const method = alignmentMethod(name)
  const graph = graphOfConfig(config, decoderOf(method.space))
  const read = untiedReader(readerOf(randomWeights(tied, seed)), tied, graph)
  const alignment = align(method, { graph, correlation: randomCorrelation(hiddenSize, seed) })
  return { graph, read, alignment, aligned: applyAlignment(read, graph, alignment) }
}

/** The logits at every position of three sequences, in f64. */
async function logitsOf(graph: Graph, read: ParameterReader): Promise<Float64Array> {
  const names = graph.parameters.map(({ name }) => name)
  const widened = [...(await readWeights(read, names))].map(
    ([name, { shape, data }]): [string, Tensor<Float64Array>] => [name, { shape, data: Float64Array.from(data) }],
  )
  const shape = [3, 5]
  const inputs = {
    inputIds: { shape, data: Int32Array.from({ length: 15 }, (_, i) => (i * i + 2 * i) % config.vocab_size) },
    tokenTypeIds: { shape, data: Int32Array.from({ length: 15 }, (_, i) => i % 2) },
    selectedPositions: { shape: [15], data: Int32Array.from({ length: 15 }, (_, i) => i) },
  }
  return interpret(graph, new Map(widened), inputs, ['logits']).logits!.data
}

async function differenceOf({ graph, read, aligned }: ReturnType<typeof move>): Promise<number> {
  const [before, after] = [await logitsOf(graph, read), await logitsOf(graph, aligned)]
  return before.reduce((largest, logit, i) => Math.max(largest, Math.abs(logit - after[i]!)), 0)
}

const keeping = ['first', 'last', 'all'].flatMap((mode) => [`residual/${mode}`, `residual/${mode}/untied`])
const breaking = [
  'residual/separate',
  'residual/separate/untied',
  ...['first', 'last', 'all', 'separate'].map((mode) => `residual/${mode}/released-code`),
]

describe('a model moved by its residual stream', () => {
  it.each(keeping)('computes the same logits: %s', async (name) => {
    await fc.assert(
      fc.asyncProperty(fc.nat(), async (seed) => {
        const moved = move(name, seed)
        expect(alignmentKeepsFunction(moved.graph, moved.alignment)).toEqual({ kept: true })
        // Logits are of some tens: in f64 a sum that is only reordered moves by some 1e-14.
        expect(await differenceOf(moved)).toBeLessThan(1e-10)
      }),
      { numRuns: 20 },
    )
  })

  it.each(breaking)('computes other logits where that is said of it, and nowhere else: %s', async (name) => {
    expect(alignmentMethod(name).symmetry).toBe('broken')
    const counts = { kept: 0, broken: 0 }
    for (let seed = 1; seed <= 12; seed++) {
      const moved = move(name, seed)
      const { kept } = alignmentKeepsFunction(moved.graph, moved.alignment)
      const difference = await differenceOf(moved)
      if (kept) expect(difference).toBeLessThan(1e-10)
      else expect(difference).toBeGreaterThan(0.1)
      counts[kept ? 'kept' : 'broken']++
    }
    expect(counts.broken).toBeGreaterThan(counts.kept)
  })

  it('keeps its function by accident where the released decoder’s second permutation undoes the first', async () => {
    const { graph, read } = move('residual/first/released-code', 1)
    const swap = permutation(Int32Array.of(1, 0, 2, 3, 4, 5, 7, 6))
    const alignment: Alignment = {
      permutations: new Map([['residual', swap]]),
      space: { skips: 'kept', decoder: 'released-code' },
    }
    expect(alignmentKeepsFunction(graph, alignment)).toEqual({ kept: true })
    const aligned = applyAlignment(read, graph, alignment)
    expect(await differenceOf({ graph, read, alignment, aligned })).toBeLessThan(1e-10)
  })

  it('is as it was under identity', async () => {
    const { graph, read, aligned } = move('residual/identity', 1)
    for (const { name } of graph.parameters) expect(await aligned(name)).toEqual(await read(name))
  })
})

describe('the decoder’s variants', () => {
  const transform = 'cls.predictions.transform.dense.weight'
  const norm = 'cls.predictions.transform.LayerNorm.weight'
  const streamOf = ({ alignment }: ReturnType<typeof move>): Permutation => alignment.permutations.get('residual')!

  it('exact: the rows of the head’s transform move with the embeddings that it is multiplied by', async () => {
    const moved = move('residual/first', 3)
    const { read, aligned } = moved
    const p = streamOf(moved)
    expect(await aligned(words)).toEqual(permuteAxis(await read(words), 1, p))
    expect(await aligned(norm)).toEqual(permuteAxis(await read(norm), 0, p))
    expect(await aligned(transform)).toEqual(permuteAxis(permuteAxis(await read(transform), 0, p), 1, p))
  })

  it('untied: the head and its decoder stay, but for the columns by which the stream is read', async () => {
    const moved = move('residual/first/untied', 3)
    const { read, aligned } = moved
    const p = streamOf(moved)
    expect(await aligned(words)).toEqual(permuteAxis(await read(words), 1, p))
    expect(await aligned(norm)).toEqual(await read(norm))
    expect(await aligned(transform)).toEqual(permuteAxis(await read(transform), 1, p))
    expect(await aligned(decoder)).toEqual(await read(words))
  })

  it('released-code: the decoder’s features are permuted twice, the head’s not at all', async () => {
    const moved = move('residual/first/released-code', 3)
    const { read, aligned } = moved
    const p = streamOf(moved)
    expect(await aligned(norm)).toEqual(await read(norm))
    expect(await aligned(transform)).toEqual(permuteAxis(await read(transform), 1, p))
    const own = (await read(words)).data
    const twice = own.map((_, i) => own[i - (i % hiddenSize) + p[p[i % hiddenSize]!]!]!)
    expect((await aligned(decoder)).data).toEqual(twice)
  })

  it('choose the same permutation', () => {
    const [exact, untied, released] = ['', '/untied', '/released-code'].map((variant) =>
      streamOf(move(`residual/all${variant}`, 4)),
    )
    expect([untied, released]).toEqual([exact, exact])
    expect([...exact!]).not.toEqual([...exact!.keys()])
  })
})

describe('untiedReader', () => {
  it('reads a model as what computes the same logits with a decoder of its own', async () => {
    const read = readerOf(randomWeights(tied, 1))
    const untied = graphOfConfig(config, 'untied')
    expect(await logitsOf(untied, untiedReader(read, tied, untied))).toEqual(await logitsOf(tied, read))
  })

  it('reads a decoder that a model has of its own as it is', async () => {
    const own = graphOfConfig({ ...config, tie_word_embeddings: false })
    const weights = randomWeights(own, 1)
    const read = untiedReader(readerOf(weights), own, graphOfConfig(config, 'untied'))
    expect(await read(decoder)).toEqual(weights.get(decoder))
    expect(await read(words)).toEqual(weights.get(words))
  })
})

describe('decoderParameter', () => {
  it('is the embeddings where they are tied', () => {
    expect(decoderParameter(tied)).toBe(words)
    expect(decoderParameter(graphOfConfig(config, 'untied'))).toBe(decoder)
  })

  it('needs a model that makes logits', () => {
    const headless = graphOfConfig({ ...config, architectures: ['BertModel'] })
    expect(() => decoderParameter(headless)).toThrow(new UserError('bert has no decoder that makes logits'))
  })
})
