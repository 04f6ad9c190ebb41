import type { Engine, Program } from '@isthmus/engine'
import { onnxEngine } from '@isthmus/engine-onnx'
import { ShapeError, type Tensor, tensor, UserError } from '@isthmus/tensor'
import fc from 'fast-check'
import { beforeAll, describe, expect, it } from 'vitest'
import { averageMoments } from '../src/cross-moments.ts'
import { CrossMoments, crossCorrelation, crossProductGraph, type FeatureMoments } from '../src/index.ts'
import { directCorrelation } from './direct-correlation.ts'
import { drawUniform } from './drawn-rows.ts'

/** Products are summed in f32 over a batch, of features shifted by their means: 7 digits less what a sum costs. */
const tolerance = 1e-5

let engine: Engine
beforeAll(async () => {
  engine = await onnxEngine.create({ executionProvider: 'cpu' })
})

async function momentsOf(a: Tensor, b: Tensor, cuts: readonly number[] = []): Promise<FeatureMoments> {
  const [widthA, widthB] = [a.shape[1]!, b.shape[1]!]
  const program: Program = await engine.compile(crossProductGraph(widthA, widthB), { outputs: ['product'] })
  const moments = new CrossMoments(program, widthA, widthB)
  const edges = [0, ...cuts, a.shape[0]!]
  const rows = ({ shape, data }: Tensor, from: number, to: number) =>
    tensor(data.subarray(from * shape[1]!, to * shape[1]!), [to - from, shape[1]!])
  for (let i = 1; i < edges.length; i++) {
    await moments.add(rows(a, edges[i - 1]!, edges[i]!), rows(b, edges[i - 1]!, edges[i]!))
  }
  await program.dispose()
  return moments.finish()
}

/** Features with means of any size, which A and B share in part, and cuts of their rows. */
const features = fc
  .record({
    rows: fc.integer({ min: 4, max: 60 }),
    widthA: fc.integer({ min: 1, max: 7 }),
    widthB: fc.integer({ min: 1, max: 7 }),
    mean: fc.constantFrom(0, 1, -30, 1e4),
    seed: fc.integer(),
  })
  .chain(({ rows, widthA, widthB, mean, seed }) => {
    const draw = drawUniform(seed)
    const shared = Array.from({ length: rows }, draw)
    const side = (width: number, offset: number) =>
      tensor(
        Float32Array.from({ length: rows * width }, (_, i) => offset + shared[Math.floor(i / width)]! + draw()),
        [rows, width],
      )
    const cuts = fc.uniqueArray(fc.integer({ min: 1, max: rows - 1 }), { maxLength: 5 })
    return fc.record({
      a: fc.constant(side(widthA, mean)),
      b: fc.constant(side(widthB, -mean / 2)),
      cuts: cuts.map((edges) => edges.sort((x, y) => x - y)),
    })
  })

describe('CrossMoments', () => {
  it('has the moments that their definitions give in f64, whatever the means and the cuts', async () => {
    const property = fc.asyncProperty(features, async ({ a, b, cuts }) => {
      const moments = await momentsOf(a, b, cuts)
      const expected = directCorrelation(a, b)
      expect(moments.count).toBe(a.shape[0])
      for (const [found, direct, scale] of [
        [moments.meanA, expected.meansA, 1e-9 * Math.max(1, ...expected.meansA.map(Math.abs))],
        [moments.meanB, expected.meansB, 1e-9 * Math.max(1, ...expected.meansB.map(Math.abs))],
        [moments.standardDeviationA, expected.deviationsA, tolerance],
        [moments.standardDeviationB, expected.deviationsB, tolerance],
        [moments.covariance, expected.covariance, tolerance],
        [crossCorrelation(moments).matrix, expected.correlation, tolerance],
      ] as const) {
        expect(found).toHaveLength(direct.length)
        for (const [i, value] of direct.entries()) expect(Math.abs(found[i]! - value)).toBeLessThan(scale)
      }
    })
    await fc.assert(property, { numRuns: 60 })
  })

  it('gives the same for any cuts, to rounding, and the same bits for the same cuts', async () => {
    const property = fc.asyncProperty(features, async ({ a, b, cuts }) => {
      const [whole, cut, again] = [await momentsOf(a, b), await momentsOf(a, b, cuts), await momentsOf(a, b, cuts)]
      expect(again).toEqual(cut)
      const [x, y] = [crossCorrelation(whole).matrix, crossCorrelation(cut).matrix]
      for (const [i, value] of x.entries()) expect(Math.abs(y[i]! - value)).toBeLessThan(tolerance)
    })
    await fc.assert(property, { numRuns: 30 })
  })

  it('takes eight rows at a time and the rest one by one: any number of rows', async () => {
    for (let rows = 1; rows <= 17; rows++) {
      const draw = drawUniform(rows)
      const a = tensor(Float32Array.from({ length: rows * 3 }, draw), [rows, 3])
      const { meanA, standardDeviationA } = await momentsOf(a, a)
      const expected = directCorrelation(a, a)
      for (let i = 0; i < 3; i++) {
        expect(meanA[i]).toBeCloseTo(expected.meansA[i]!, 9)
        expect(standardDeviationA[i]).toBeCloseTo(expected.deviationsA[i]!, 6)
      }
    }
  })

  it('does not modify the features', async () => {
    const a = tensor(Float32Array.of(1, 2, 3, 4), [2, 2])
    await momentsOf(a, a)
    expect(a.data).toEqual(Float32Array.of(1, 2, 3, 4))
  })

  it('ends with its result', async () => {
    const program = await engine.compile(crossProductGraph(1, 1), { outputs: ['product'] })
    const moments = new CrossMoments(program, 1, 1)
    const one = tensor(Float32Array.of(1), [1, 1])
    await moments.add(one, one)
    expect(moments.finish().count).toBe(1)
    expect(() => moments.finish()).toThrow('these moments are finished')
    await expect(moments.add(one, one)).rejects.toThrow('these moments are finished')
    await program.dispose()
  })

  it('refuses features of different rows or widths, and no rows at all', async () => {
    const program = await engine.compile(crossProductGraph(2, 3), { outputs: ['product'] })
    const moments = new CrossMoments(program, 2, 3)
    const zeros = (...shape: [number, number]) => tensor(new Float32Array(shape[0] * shape[1]), shape)
    const sentence = 'features [rows, 2] of A and [rows, 3] of B over the same rows are needed, found'
    await expect(moments.add(zeros(4, 2), zeros(5, 3))).rejects.toThrow(new ShapeError(`${sentence} [4, 2] and [5, 3]`))
    await expect(moments.add(zeros(4, 3), zeros(4, 3))).rejects.toThrow(new ShapeError(`${sentence} [4, 3] and [4, 3]`))
    await moments.add(zeros(0, 2), zeros(0, 3))
    expect(() => moments.finish()).toThrow(
      new UserError('the features of no token were given: correlations need at least one'),
    )
    await program.dispose()
  })
})

describe('averageMoments', () => {
  const values = (length: number, of: fc.Arbitrary<number>) =>
    fc.array(of, { minLength: length, maxLength: length }).map((array) => Float64Array.from(array))
  const mean = fc.double({ min: -1e3, max: 1e3, noNaN: true })
  const deviation = fc.double({ min: 0, max: 1e3, noNaN: true })
  const moments = fc.tuple(fc.integer({ min: 1, max: 4 }), fc.integer({ min: 1, max: 4 })).chain(([widthA, widthB]) =>
    fc.array(
      fc.record({
        count: fc.constant(7),
        meanA: values(widthA, mean),
        meanB: values(widthB, mean),
        standardDeviationA: values(widthA, deviation),
        standardDeviationB: values(widthB, deviation),
        covariance: values(widthA * widthB, mean),
      }),
      { minLength: 1, maxLength: 5 },
    ),
  )

  it('is the mean of means, of covariances and of variances', () => {
    fc.assert(
      fc.property(moments, (items) => {
        const average = averageMoments(items)
        expect(average.count).toBe(7)
        for (const [field, power] of [
          ['meanA', 1],
          ['meanB', 1],
          ['covariance', 1],
          ['standardDeviationA', 2],
          ['standardDeviationB', 2],
        ] as const) {
          expect(average[field]).toHaveLength(items[0]![field].length)
          for (const [i, value] of average[field].entries()) {
            let sum = 0
            for (const item of items) sum += item[field][i]! ** power
            // Relative to terms of at most 1e3 or its square, f64 sums of five of them.
            expect(Math.abs(value ** power - sum / items.length)).toBeLessThan(1e-9 * 1e3 ** (power - 1))
          }
        }
      }),
    )
  })

  it('does not modify the moments, and gives those of one tap as they are', () => {
    fc.assert(
      fc.property(moments, (items) => {
        const copy = structuredClone(items)
        averageMoments(items)
        expect(items).toEqual(copy)
        expect(averageMoments(items.slice(0, 1))).toEqual(items[0])
      }),
    )
  })
})

describe('crossCorrelation', () => {
  it('is 1 and −1 between features that are one another’s positive and negative multiples', async () => {
    const draw = drawUniform(1)
    const column = Float32Array.from({ length: 50 }, draw)
    const a = tensor(column, [50, 1])
    const b = tensor(
      Float32Array.from({ length: 100 }, (_, i) => (i % 2 === 0 ? 3 : -0.5) * column[i >> 1]! + 7),
      [50, 2],
    )
    const { matrix } = crossCorrelation(await momentsOf(a, b))
    expect(matrix[0]).toBeCloseTo(1, 5)
    expect(matrix[1]).toBeCloseTo(-1, 5)
    expect(Math.max(...matrix.map(Math.abs))).toBeLessThanOrEqual(1)
  })

  it('is 0 for features that never vary, which it reports, at 0, at a large value and at any cut', async () => {
    const draw = drawUniform(2)
    const rows = 30
    const a = tensor(
      Float32Array.from({ length: rows * 3 }, (_, i) => [0, 12345.678, draw()][i % 3]!),
      [rows, 3],
    )
    const b = tensor(
      Float32Array.from({ length: rows * 2 }, (_, i) => [draw(), -0.1][i % 2]!),
      [rows, 2],
    )
    for (const cuts of [[], [1], [3, 17]]) {
      const { matrix, rows: height, columns, constantA, constantB } = crossCorrelation(await momentsOf(a, b, cuts))
      expect([height, columns]).toEqual([3, 2])
      expect(constantA).toEqual([0, 1])
      expect(constantB).toEqual([1])
      expect([...matrix].map((value) => value === 0)).toEqual([true, true, true, true, false, true])
    }
  })

  it('does not call a feature constant for varying little', async () => {
    const rows = 20
    const a = tensor(
      Float32Array.from({ length: rows }, (_, i) => 1e-20 * (i % 3)),
      [rows, 1],
    )
    const { constantA, matrix } = crossCorrelation(
      await momentsOf(
        a,
        tensor(
          a.data.map((x) => x * 1e20),
          [rows, 1],
        ),
      ),
    )
    expect(constantA).toEqual([])
    expect(matrix[0]).toBeCloseTo(1, 5)
  })
})
