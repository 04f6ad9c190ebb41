import type { Engine } from '@isthmus/engine'
import { onnxEngine } from '@isthmus/engine-onnx'
import { type Tensor, tensor, UserError } from '@isthmus/tensor'
import { beforeAll, describe, expect, it } from 'vitest'
import { correlateFeatures, crossCorrelation, type FeatureRows } from '../src/index.ts'
import { directCorrelation } from './direct-correlation.ts'
import { drawRows, inBatches } from './drawn-rows.ts'

const widths = { 'query.0': 5, 'key.0': 5, 'ffn.0': 9 }
const sets = [
  { name: 'queryKey.0', taps: ['query.0', 'key.0'], width: 5 },
  { name: 'ffn.0', taps: ['ffn.0'], width: 9 },
]

let engine: Engine
beforeAll(async () => {
  engine = await onnxEngine.create({ executionProvider: 'cpu' })
})

/** Features of each tap at a scale and about a mean of its own. */
function spread(rows: FeatureRows): FeatureRows {
  const moved = [...rows.features].map(([name, { shape, data }], index) => {
    const values = data.map((value) => 3 ** index * value + 10 * index)
    return [name, { shape, data: values }] as const
  })
  return { ...rows, features: new Map(moved) }
}

/** The correlation of the mean covariance over taps, by its definition: `[width, width]`. */
function meanCovarianceCorrelation(taps: readonly (readonly Tensor[])[]): number[] {
  const direct = taps.map(([a, b]) => directCorrelation(a!, b!))
  const width = direct[0]!.deviationsA.length
  const variance = (of: (item: (typeof direct)[number]) => number[], feature: number) =>
    direct.reduce((sum, item) => sum + of(item)[feature]! ** 2, 0)
  return direct[0]!.covariance.map((_, k) => {
    const covariance = direct.reduce((sum, item) => sum + item.covariance[k]!, 0)
    const varianceA = variance((item) => item.deviationsA, Math.floor(k / width))
    const varianceB = variance((item) => item.deviationsB, k % width)
    return covariance / Math.sqrt(varianceA * varianceB)
  })
}

/** One below, at and above the rows of one product, and several. */
const counts = [1, 2047, 2048, 2049, 5000]

describe('correlateFeatures', () => {
  it('correlates the features of each set, pooled where it has several taps', async () => {
    const [a, b] = [drawRows(300, widths, 1), drawRows(300, widths, 2)]
    const moments = await correlateFeatures(engine, inBatches(a, [300]), inBatches(b, [300]), sets)
    expect([...moments.keys()]).toEqual(['queryKey.0', 'ffn.0'])
    const pooled = (rows: FeatureRows) => {
      const parts = ['query.0', 'key.0'].flatMap((name) => [...rows.features.get(name)!.data])
      return tensor(Float32Array.from(parts), [600, 5])
    }
    const ffn = (rows: FeatureRows) => rows.features.get('ffn.0')!
    for (const [name, expected] of [
      ['queryKey.0', directCorrelation(pooled(a), pooled(b))],
      ['ffn.0', directCorrelation(ffn(a), ffn(b))],
    ] as const) {
      const { matrix } = crossCorrelation(moments.get(name)!)
      for (const [i, value] of expected.correlation.entries()) expect(Math.abs(matrix[i]! - value)).toBeLessThan(1e-5)
    }
    expect(moments.get('queryKey.0')!.count).toBe(600)
  })

  it('averages the covariances of a set’s taps, each about its own means, where it is asked to', async () => {
    const taps = ['residual.embeddings', 'residual.0.attention', 'residual.0.output']
    const set = { name: 'residual.all', taps, width: 4, combine: 'meanCovariance' as const }
    const pooled = { name: 'pooled', taps, width: 4 }
    const [a, b] = [1, 2].map((seed) => spread(drawRows(300, Object.fromEntries(taps.map((tap) => [tap, 4])), seed)))
    const moments = await correlateFeatures(engine, inBatches(a!, [77]), inBatches(b!, [300]), [set, pooled])
    expect(moments.get('residual.all')!.count).toBe(300)
    const { matrix } = crossCorrelation(moments.get('residual.all')!)
    const expected = meanCovarianceCorrelation(taps.map((tap) => [a!.features.get(tap)!, b!.features.get(tap)!]))
    for (const [i, value] of expected.entries()) expect(Math.abs(matrix[i]! - value)).toBeLessThan(1e-5)
    // Pooled, the taps' means, which lie far apart, are what varies.
    const { matrix: other } = crossCorrelation(moments.get('pooled')!)
    expect(Math.max(...other.map((value, i) => Math.abs(value - matrix[i]!)))).toBeGreaterThan(0.5)
  })

  it('gives the same bits whatever the batches of A and of B, and counts the rows', async () => {
    for (const count of counts) {
      const [a, b] = [drawRows(count, widths, 3), drawRows(count, widths, 4)]
      const seen: number[] = []
      const whole = await correlateFeatures(engine, inBatches(a, [count]), inBatches(b, [count]), sets)
      const cut = await correlateFeatures(engine, inBatches(a, [700, 1, 333]), inBatches(b, [64]), sets, (rows) =>
        seen.push(rows),
      )
      expect(cut).toEqual(whole)
      expect(seen.at(-1)).toBe(count)
    }
  })

  it('refuses features of different tokens, naming the first', async () => {
    const [a, b] = [drawRows(2500, widths, 5), drawRows(2500, widths, 6)]
    b.position[2100] = 99
    await expect(correlateFeatures(engine, inBatches(a, [500]), inBatches(b, [400]), sets)).rejects.toThrow(
      new UserError(
        'the features of A and B are of different tokens: row 2100 is sequence 300 position 0 in A, sequence 300 ' +
          'position 99 in B; capture both on one sample',
      ),
    )
  })

  it('refuses features of different numbers of tokens, at the end of a product or within', async () => {
    for (const [countA, countB] of [
      [2048, 2049],
      [2500, 2048],
      [100, 99],
    ] as const) {
      const [a, b] = [drawRows(countA, widths, 7), drawRows(countB, widths, 8)]
      await expect(correlateFeatures(engine, inBatches(a, [500]), inBatches(b, [500]), sets)).rejects.toThrow(
        new UserError(
          `the features of A and B are of different samples: one ends after ${Math.min(countA, countB)} tokens; ` +
            'capture both on one sample',
        ),
      )
    }
  })

  it('refuses features that are not finite, naming the set, the feature and the model', async () => {
    for (const value of [Number.NaN, Number.POSITIVE_INFINITY]) {
      const [a, b] = [drawRows(40, widths, 9), drawRows(40, widths, 10)]
      b.features.get('ffn.0')!.data[9 * 20 + 4] = value
      await expect(correlateFeatures(engine, inBatches(a, [40]), inBatches(b, [40]), sets)).rejects.toThrow(
        new UserError(
          "feature 4 of 'ffn.0' in model B is NaN or infinite at some token: check its weights, and capture in float32 " +
            'where a feature exceeds 65504',
        ),
      )
    }
  })

  it('refuses no tokens at all', async () => {
    const none = () => inBatches(drawRows(0, widths, 11), [1])
    await expect(correlateFeatures(engine, none(), none(), sets)).rejects.toThrow(
      new UserError('the features of no token were given: correlations need at least one'),
    )
  })

  it('ends both streams when one fails', async () => {
    const ended: string[] = []
    async function* watched(name: string, rows: FeatureRows) {
      try {
        yield* inBatches(rows, [10])
      } finally {
        ended.push(name)
      }
    }
    const [a, b] = [drawRows(5000, widths, 12), drawRows(5000, widths, 13)]
    b.sequence[0] = 5
    const correlating = correlateFeatures(engine, watched('a', a), watched('b', b), sets)
    await expect(correlating).rejects.toThrow('row 0 is sequence 0 position 0 in A, sequence 5 position 0 in B')
    expect(ended.sort()).toEqual(['a', 'b'])
  })
})
