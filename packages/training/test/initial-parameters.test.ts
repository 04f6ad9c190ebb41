import { randomStream } from '@isthmus/corpus'
import { bert, gpt2 } from '@isthmus/model'
import type { Tensor } from '@isthmus/tensor'
import { describe, expect, it } from 'vitest'
import { bertInitialization, initialParameters, localInitialization } from '../src/index.ts'
import { randomOrthogonal } from '../src/random-orthogonal.ts'

const config = {
  hiddenSize: 32,
  numHiddenLayers: 2,
  numAttentionHeads: 4,
  intermediateSize: 64,
  vocabSize: 500,
  maxPositionEmbeddings: 48,
  typeVocabSize: 2,
  layerNormEps: 1e-12,
  hiddenAct: 'gelu' as const,
  tieWordEmbeddings: true,
}
const graph = bert(config, { padding: false })
const words = 'bert.embeddings.word_embeddings.weight'
const positions = 'bert.embeddings.position_embeddings.weight'
const self = (layer: number, module: string) => `bert.encoder.layer.${layer}.attention.self.${module}.weight`

/** Mean, standard deviation, and excess kurtosis, which is 0 of a normal distribution. */
function moments({ data }: Tensor): [number, number, number] {
  const mean = (values: readonly number[]) => values.reduce((sum, x) => sum + x, 0) / data.length
  const centre = mean([...data])
  const deviations = Array.from(data, (x) => x - centre)
  const variance = mean(deviations.map((x) => x ** 2))
  return [centre, Math.sqrt(variance), mean(deviations.map((x) => x ** 4)) / variance ** 2 - 3]
}

describe('initialParameters', () => {
  const drawn = initialParameters(graph, localInitialization, 1)

  it('has every parameter of the graph, in its shape', () => {
    expect([...drawn].map(([name, { shape }]) => ({ name, shape }))).toEqual(graph.parameters)
  })

  it('draws matrices from a normal distribution', () => {
    const [mean, deviation, kurtosis] = moments(drawn.get(words)!)
    // 16,000 draws: within five standard errors, σ/√n, σ/√2n and √(24/n).
    expect(Math.abs(mean)).toBeLessThan((5 * 0.05) / Math.sqrt(16000))
    expect(Math.abs(deviation - 0.05)).toBeLessThan((5 * 0.05) / Math.sqrt(32000))
    expect(Math.abs(kurtosis)).toBeLessThan(5 * Math.sqrt(24 / 16000))
  })

  it('makes biases 0 and gains 1', () => {
    const vectors = [...drawn].filter(([, { shape }]) => shape.length === 1)
    for (const [name, { data }] of vectors) {
      const value = name.endsWith('LayerNorm.weight') ? 1 : 0
      expect(data, name).toEqual(new Float32Array(data.length).fill(value))
    }
    expect(vectors.map(([name]) => name)).toContain('cls.predictions.bias')
  })

  it('makes queries equal to keys and scales both', () => {
    for (const layer of [0, 1]) {
      expect(drawn.get(self(layer, 'query'))!.data).toEqual(drawn.get(self(layer, 'key'))!.data)
      const [, deviation] = moments(drawn.get(self(layer, 'key'))!)
      expect(Math.abs(deviation - 1.6 * 0.05)).toBeLessThan((5 * 1.6 * 0.05) / Math.sqrt(2048))
    }
    expect(drawn.get(self(0, 'key'))).not.toEqual(drawn.get(self(1, 'key')))
    expect(drawn.get(self(0, 'value'))).not.toEqual(drawn.get(self(0, 'key')))
  })

  it('places positions so that their products depend on their distance alone, in any basis', () => {
    const { data } = drawn.get(positions)!
    const product = (p: number, q: number) => {
      let sum = 0
      for (let i = 0; i < 32; i++) sum += data[p * 32 + i]! * data[q * 32 + i]!
      return sum
    }
    // Σ_i cos((p − q) / 60^{2i/d}) over the pairs of a sine and a cosine, times 2 σ².
    for (const [p, q] of [
      [0, 0],
      [3, 10],
      [40, 47],
      [20, 21],
    ] as const) {
      const cosines = Array.from({ length: 16 }, (_, i) => Math.cos((p - q) / 60 ** ((2 * i) / 32)))
      expect(product(p, q)).toBeCloseTo(2 * 0.075 ** 2 * cosines.reduce((sum, x) => sum + x, 0), 6)
    }
    const squares = data.reduce((sum, x) => sum + x * x, 0) / data.length
    expect(Math.sqrt(squares)).toBeCloseTo(0.075, 6)
    expect(initialParameters(graph, localInitialization, 2).get(positions)!.data).not.toEqual(data)
  })

  it('is fixed by the seed, each parameter by itself', () => {
    expect(initialParameters(graph, localInitialization, 1)).toEqual(drawn)
    expect(initialParameters(graph, localInitialization, 2).get(words)).not.toEqual(drawn.get(words))
    const shallow = initialParameters(bert({ ...config, numHiddenLayers: 1 }), localInitialization, 1)
    for (const [name, values] of shallow) expect(values, name).toEqual(drawn.get(name))
  })

  it('draws BERT as BERT was', () => {
    const own = initialParameters(graph, bertInitialization, 1)
    expect(own.get(self(0, 'query'))).not.toEqual(own.get(self(0, 'key')))
    for (const name of [words, positions, self(0, 'query')]) {
      const [, deviation] = moments(own.get(name)!)
      expect(Math.abs(deviation - 0.02), name).toBeLessThan((5 * 0.02) / Math.sqrt(2 * own.get(name)!.data.length))
    }
  })

  it('says where queries cannot be told from keys', () => {
    const fused = gpt2({ ...config, vocabSize: 20 })
    expect(() => initialParameters(fused, localInitialization, 0)).toThrow(
      "need queries that are a linear map of their own, but 'query.0' of 'attention.0' in gpt2 comes from slice: set " +
        'tieQueryKey=false and queryKeyScale=1',
    )
    expect(initialParameters(fused, bertInitialization, 0).size).toBe(fused.parameters.length)
  })
})

describe('randomOrthogonal', () => {
  it('has orthonormal rows', () => {
    const n = 40
    const matrix = randomOrthogonal(randomStream(0, 'basis'), n)
    const rows = Array.from({ length: n }, (_, i) => matrix.subarray(i * n, (i + 1) * n))
    const worst = rows.flatMap((a, i) =>
      rows.map((b, j) => Math.abs(a.reduce((sum, x, k) => sum + x * b[k]!, 0) - Number(i === j))),
    )
    // A few units in the last place of f64.
    expect(Math.max(...worst)).toBeLessThan(1e-14)
  })
})
