import { ShapeError, UserError } from '@isthmus/tensor'
import { describe, expect, it } from 'vitest'
import { certifyAssignment, linearSumAssignment } from '../src/index.ts'

const cost = Float64Array.of(4, 1, 3, 2, 0, 5, 3, 2, 2)
const best = linearSumAssignment(cost, 3)

describe('certifyAssignment', () => {
  it('is zero in all three figures at the optimum', () => {
    expect(best.total).toBe(5)
    expect(certifyAssignment(cost, best)).toEqual({ infeasibility: 0, slackness: 0, dualityGap: 0 })
  })

  it('gives what another assignment costs above the optimum', () => {
    const identity = { ...best, assignment: Int32Array.of(0, 1, 2) }
    const reversed = { ...best, assignment: Int32Array.of(2, 1, 0) }
    expect(certifyAssignment(cost, identity).dualityGap).toBe(4 + 0 + 2 - 5)
    expect(certifyAssignment(cost, reversed).dualityGap).toBe(3 + 0 + 3 - 5)
    expect(certifyAssignment(cost, identity).slackness).toBeGreaterThan(0)
  })

  it('gives zero to a different assignment that is tied', () => {
    const tied = Float64Array.of(1, 2, 2, 3)
    const { assignment, ...prices } = linearSumAssignment(tied, 2)
    const other = Int32Array.of(assignment[1]!, assignment[0]!)
    expect(certifyAssignment(tied, { assignment: other, ...prices })).toEqual({
      infeasibility: 0,
      slackness: 0,
      dualityGap: 0,
    })
  })

  it('measures prices that are not feasible', () => {
    const dear = { ...best, rowPrices: best.rowPrices.map((price, row) => price + (row === 1 ? 0.5 : 0)) }
    expect(certifyAssignment(cost, dear)).toEqual({ infeasibility: 0.5, slackness: 0.5, dualityGap: -0.5 })
  })

  it('reads the same when maximising', () => {
    const largest = linearSumAssignment(cost, 3, { maximize: true })
    expect(largest.total).toBe(11)
    expect(certifyAssignment(cost, largest, { maximize: true })).toEqual({
      infeasibility: 0,
      slackness: 0,
      dualityGap: 0,
    })
    const dear = { ...largest, rowPrices: largest.rowPrices.map((price) => price - 1) }
    expect(certifyAssignment(cost, dear, { maximize: true })).toEqual({
      infeasibility: 1,
      slackness: 1,
      dualityGap: -3,
    })
  })

  it('wants unassigned columns at a price of zero, and none above', () => {
    const wide = Float64Array.of(1, 2, 3)
    const prices = { assignment: Int32Array.of(0), rowPrices: Float64Array.of(1) }
    const certify = (...columnPrices: number[]) =>
      certifyAssignment(wide, { ...prices, columnPrices: Float64Array.from(columnPrices) })
    expect(certify(0, 0, 0)).toEqual({ infeasibility: 0, slackness: 0, dualityGap: 0 })
    expect(certify(0, 1, 0)).toEqual({ infeasibility: 1, slackness: 1, dualityGap: -1 })
    expect(certify(0, 0, -2)).toEqual({ infeasibility: 0, slackness: 2, dualityGap: 2 })
  })

  it('does not take a cost that is not a number for a proof', () => {
    const broken = cost.with(1, Number.NaN)
    expect(certifyAssignment(broken, best).infeasibility).toBeNaN()
  })

  it('names the row or the sizes of what is no assignment', () => {
    const certify = (...columns: number[]) => certifyAssignment(cost, { ...best, assignment: Int32Array.from(columns) })
    expect(() => certify(0, 3, 1)).toThrow(new UserError('row 1 is assigned column 3, but the columns are 0 to 2'))
    expect(() => certify(2, 0, 2)).toThrow(new UserError('rows 0 and 2 are both assigned column 2'))
    expect(() => certify(0, 1)).toThrow(ShapeError)
    expect(() => certify(0, 1)).toThrow(
      'prices of 3 rows and 3 columns need 9 costs and an assignment of 3, but there are 9 costs and an assignment of 2',
    )
  })
})
