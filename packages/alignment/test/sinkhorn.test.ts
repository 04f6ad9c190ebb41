import { linearSumAssignment } from '@isthmus/assignment'
import { UserError } from '@isthmus/tensor'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { sinkhorn, sinkhornDefaults } from '../src/index.ts'

const costMatrix = fc
  .integer({ min: 1, max: 7 })
  .chain((size) =>
    fc
      .array(fc.integer({ min: 0, max: 500 }), { minLength: size * size, maxLength: size * size })
      .map((costs) => ({ size, costs: Float64Array.from(costs, (cost) => cost / 100) })),
  )

const settings = { ...sinkhornDefaults, regularization: 0.2 }

function sums(data: Float32Array, size: number, of: (k: number) => number): number[] {
  const totals = new Array<number>(size).fill(0)
  for (const [k, value] of data.entries()) totals[of(k)]! += value
  return totals
}

describe('sinkhorn', () => {
  it('gives a map whose rows and columns sum to 1', () => {
    fc.assert(
      fc.property(costMatrix, ({ size, costs }) => {
        const { shape, data } = sinkhorn(costs, size, settings)
        expect(shape).toEqual([size, size])
        // Rows up to the f32 of their entries, columns up to the tolerance beside.
        for (const sum of sums(data, size, (k) => Math.floor(k / size))) expect(Math.abs(sum - 1)).toBeLessThan(1e-6)
        for (const sum of sums(data, size, (k) => k % size)) expect(Math.abs(sum - 1)).toBeLessThan(3e-6)
        expect(data.every((weight) => weight >= 0)).toBe(true)
      }),
    )
  })

  it('is a scaling of exp(−C/ε) by rows and columns, which certifies the optimum', () => {
    fc.assert(
      fc.property(costMatrix, ({ size, costs }) => {
        const { data } = sinkhorn(costs, size, settings)
        const epsilon = settings.regularization * (Math.max(...costs) || 1)
        const potential = (k: number) => Math.log(data[k]!) + costs[k]! / epsilon
        for (let i = 1; i < size; i++) {
          for (let j = 1; j < size; j++) {
            const minor = potential(0) + potential(i * size + j) - potential(i * size) - potential(j)
            // Four logarithms of f32 values.
            expect(Math.abs(minor)).toBeLessThan(1e-5)
          }
        }
      }),
    )
  })

  it('tends to the optimal permutation as ε shrinks, and to the mean of all as it grows', () => {
    const costs = Float64Array.of(3, 1, 4, 1, 5, 9, 2, 6, 5)
    const { assignment } = linearSumAssignment(costs, 3)
    const sharp = sinkhorn(costs, 3, { ...settings, regularization: 0.02 })
    const chosen = [0, 1, 2].map((i) => sharp.data[i * 3 + assignment[i]!]!)
    expect(Math.min(...chosen)).toBeGreaterThan(0.999)
    const blunt = sinkhorn(costs, 3, { ...settings, regularization: 1e5 })
    for (const weight of blunt.data) expect(Math.abs(weight - 1 / 3)).toBeLessThan(1e-4)
  })

  it('does not depend on the unit of the costs', () => {
    const costs = Float64Array.of(3, 1, 4, 1, 5, 9, 2, 6, 5)
    for (const unit of [2 ** -1000, 2 ** 900]) {
      expect(
        sinkhorn(
          costs.map((cost) => cost * unit),
          3,
          settings,
        ),
      ).toEqual(sinkhorn(costs, 3, settings))
    }
  })

  it('is uniform where all costs are 0', () => {
    expect([...sinkhorn(new Float64Array(4), 2, settings).data]).toEqual([0.5, 0.5, 0.5, 0.5])
  })

  it('says when its iterations do not suffice', () => {
    const costs = Float64Array.of(3, 1, 4, 1, 5, 9, 2, 6, 5)
    expect(() => sinkhorn(costs, 3, { regularization: 0.05, tolerance: 1e-9, maxIterations: 2 })).toThrow(UserError)
    expect(() => sinkhorn(costs, 3, { regularization: 0.05, tolerance: 1e-9, maxIterations: 2 })).toThrow(
      /^Sinkhorn’s iteration has not converged in 2 steps: columns differ from 1 by [\d.]+e-\d, where 1e-9 is allowed; choose a regularisation larger than 0\.05$/,
    )
  })
})
