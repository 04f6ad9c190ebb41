import { UserError } from '@isthmus/tensor'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { type CurvePoint, lossBarrier } from '../src/index.ts'

const loss = fc.double({ min: 0, max: 20, noNaN: true })
/** Curves over 0, 1/n … 1, in any order of points. */
const curve = fc
  .array(loss, { minLength: 2, maxLength: 21 })
  .map((losses) => losses.map((value, k) => ({ lambda: k / (losses.length - 1), loss: value })))
  .chain((points) => fc.shuffledSubarray(points, { minLength: points.length }))
/** Sums and differences of a few losses up to 20, in f64. */
const tolerance = 1e-12

function expectClose(found: number | null, expected: number | null): void {
  if (found === null || expected === null) expect(found).toBe(expected)
  else expect(Math.abs(found - expected)).toBeLessThan(tolerance)
}

describe('lossBarrier', () => {
  it('is what the three definitions give on a curve', () => {
    const points = [3, 5, 4.5, 7, 4].map((value, k) => ({ lambda: k / 4, loss: value }))
    expect(lossBarrier(points)).toEqual({ barrier: 3.5, barrierLinear: 3.25, midpoint: 1, lambdaAtMaximum: 0.75 })
  })

  it('does not change when a constant is added to the losses, or the points are shuffled', () => {
    const property = fc.property(curve, fc.double({ min: -10, max: 10, noNaN: true }), (points, constant) => {
      const barriers = lossBarrier(points)
      const sorted = points.toSorted((a, b) => a.lambda - b.lambda)
      expect(lossBarrier(sorted)).toEqual(barriers)
      const raised = lossBarrier(points.map((point) => ({ ...point, loss: point.loss + constant })))
      expectClose(raised.barrier, barriers.barrier)
      expectClose(raised.barrierLinear, barriers.barrierLinear)
      expectClose(raised.midpoint, barriers.midpoint)
    })
    expect(() => fc.assert(property)).not.toThrow()
  })

  it('does not change when A and B change places', () => {
    const property = fc.property(curve, (points) => {
      const barriers = lossBarrier(points)
      const swapped = lossBarrier(points.map((point) => ({ ...point, lambda: 1 - point.lambda })))
      expectClose(swapped.barrier, barriers.barrier)
      expectClose(swapped.barrierLinear, barriers.barrierLinear)
      expectClose(swapped.midpoint, barriers.midpoint)
    })
    expect(() => fc.assert(property)).not.toThrow()
  })

  it('is zero against the line where the loss is the line, and half the endpoints’ difference against their mean', () => {
    const property = fc.property(loss, loss, fc.integer({ min: 1, max: 20 }), (lossA, lossB, n) => {
      const points = Array.from({ length: n + 1 }, (_, k) => {
        const lambda = k / n
        return { lambda, loss: lambda * lossA + (1 - lambda) * lossB }
      })
      const { barrier, barrierLinear } = lossBarrier(points)
      expectClose(barrierLinear, 0)
      expectClose(barrier, Math.abs(lossA - lossB) / 2)
    })
    expect(() => fc.assert(property)).not.toThrow()
  })

  it('is never negative: each definition’s maximum is over the endpoints too', () => {
    const property = fc.property(curve, (points) => {
      const { barrier, barrierLinear } = lossBarrier(points)
      expect(Math.min(barrier, barrierLinear)).toBeGreaterThanOrEqual(0)
      expect(barrier).toBeGreaterThanOrEqual(lossBarrier(points).midpoint ?? 0)
    })
    expect(() => fc.assert(property)).not.toThrow()
  })

  it('names the smallest λ of the highest loss', () => {
    const points: CurvePoint[] = [1, 0.75, 0.25, 0].map((lambda) => ({ lambda, loss: lambda % 1 === 0 ? 1 : 2 }))
    expect(lossBarrier(points).lambdaAtMaximum).toBe(0.25)
    expect(lossBarrier(points.toReversed()).lambdaAtMaximum).toBe(0.25)
  })

  it('has no midpoint where the curve has no point there', () => {
    const ends = [
      { lambda: 0, loss: 3 },
      { lambda: 1, loss: 4 },
    ]
    expect(lossBarrier(ends).midpoint).toBeNull()
    expect(lossBarrier([...ends, { lambda: 0.5, loss: 3.25 }]).midpoint).toBe(-0.25)
  })

  it('needs both endpoints, and says which points there are', () => {
    for (const lambdas of [[0, 0.5], [0.25, 1], [0.5], []]) {
      const points = lambdas.map((lambda) => ({ lambda, loss: 1 }))
      expect(() => lossBarrier(points)).toThrow(
        new UserError(
          `a loss barrier needs the losses at λ = 0 and λ = 1; the curve has λ = ${lambdas.join(', ') || 'none'}`,
        ),
      )
    }
  })
})
