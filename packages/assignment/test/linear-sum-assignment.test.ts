import { ShapeError, UserError } from '@isthmus/tensor'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { certifyAssignment, type LinearSumAssignmentOptions, linearSumAssignment } from '../src/index.ts'

interface Problem {
  readonly cost: Float64Array
  readonly rows: number
  readonly columns: number
}

/** Matrices of up to `maxColumns` columns whose entries `entry` draws. */
function problems(entry: fc.Arbitrary<number>, maxColumns: number, square = false): fc.Arbitrary<Problem> {
  return fc
    .integer({ min: 0, max: maxColumns })
    .chain((columns) =>
      fc.tuple(square ? fc.constant(columns) : fc.integer({ min: 0, max: columns }), fc.constant(columns)),
    )
    .chain(([rows, columns]) =>
      fc
        .array(entry, { minLength: rows * columns, maxLength: rows * columns })
        .map((values) => ({ cost: Float64Array.from(values), rows, columns })),
    )
}

function matrix(size: number, entry: (row: number, column: number) => number): Problem {
  const cost = Float64Array.from({ length: size * size }, (_, k) => entry(Math.floor(k / size), k % size))
  return { cost, rows: size, columns: size }
}

/** A fixed sequence of numbers in [0, 1): the fractional parts of the squares' multiples of an irrational number. */
function quadraticSequence(k: number): number {
  return (((k * k) % 1_000_003) * Math.SQRT2) % 1
}

/** Solve, and require the certificate. A condition sums a handful of costs and prices, so each may be off by some
 *  roundings of the largest magnitude per row: a wrong column is off by a difference of costs, which is far more.
 */
function solveCertified({ cost, rows, columns }: Problem, options: LinearSumAssignmentOptions = {}) {
  const result = linearSumAssignment(cost, rows, { ...options, columns })
  const scale = cost.reduce((largest, value) => Math.max(largest, Math.abs(value)), 0)
  const tolerance = 8 * Number.EPSILON * scale * Math.max(rows, 1)
  const certificate = certifyAssignment(cost, result, options)
  expect(certificate.infeasibility).toBeLessThanOrEqual(tolerance)
  expect(certificate.slackness).toBeLessThanOrEqual(tolerance)
  expect(Math.abs(certificate.dualityGap)).toBeLessThanOrEqual(tolerance * Math.max(rows, 1))
  return result
}

/** The least total over all injections of rows into columns, by trying each. */
function bruteForceTotal({ cost, rows, columns }: Problem): number {
  const taken = new Array<boolean>(columns).fill(false)
  const least = (row: number): number => {
    if (row === rows) return 0
    let best = Infinity
    for (let column = 0; column < columns; column++) {
      if (taken[column]) continue
      taken[column] = true
      best = Math.min(best, cost[row * columns + column]! + least(row + 1))
      taken[column] = false
    }
    return best
  }
  return least(0)
}

const entries = {
  'uniform reals': fc.double({ min: 0, max: 1, noNaN: true }),
  'negative and positive reals': fc.double({ min: -1e3, max: 1e3, noNaN: true }),
  'integers with many ties': fc.integer({ min: 1, max: 3 }),
  'negative integers': fc.integer({ min: -1000, max: -1 }),
  'zeros and ones': fc.integer({ min: 0, max: 1 }),
  'magnitudes from 1e-300 to 1e300': fc
    .tuple(fc.integer({ min: -300, max: 300 }), fc.double({ min: -9, max: 9, noNaN: true }))
    .map(([exponent, mantissa]) => mantissa * 10 ** exponent),
  'almost equal reals': fc.integer({ min: 0, max: 20 }).map((step) => 1 + step * Number.EPSILON),
}

describe('the certificate of optimality', () => {
  for (const [name, entry] of Object.entries(entries)) {
    it(`holds on ${name}`, () => {
      expect.hasAssertions()
      fc.assert(
        fc.property(problems(entry, 24), fc.boolean(), (problem, maximize) => {
          solveCertified(problem, { maximize })
        }),
        { numRuns: 200 },
      )
    })
  }

  const size = 120
  const adversarial = {
    'Machol and Wien’s products': matrix(size, (i, j) => (i + 1) * (j + 1)),
    'a random rank-one matrix': matrix(size, (i, j) => quadraticSequence(i + 1) * quadraticSequence(j + 500)),
    'a nearly rank-one matrix': matrix(
      size,
      (i, j) => quadraticSequence(i + 1) * quadraticSequence(j + 500) + 1e-13 * quadraticSequence(i * size + j),
    ),
    'row plus column potentials, where all assignments tie': matrix(
      size,
      (i, j) => quadraticSequence(i + 1) + quadraticSequence(j + 500),
    ),
    'distances on a line': matrix(size, (i, j) => Math.abs(quadraticSequence(i + 1) - quadraticSequence(j + 500))),
    'a correlation with a planted permutation': matrix(
      size,
      (i, j) => 0.1 * quadraticSequence(i * size + j) - (j === (7 * i + 3) % size ? 0.05 : 0),
    ),
    'a single cheap column': matrix(size, (i, j) => (j === 5 ? i : 1e6 + i * j)),
    'integers from 1 to 10': matrix(size, (i, j) => 1 + Math.floor(10 * quadraticSequence(i * size + j))),
  }
  for (const [name, problem] of Object.entries(adversarial)) {
    it(`holds on ${name}`, () => {
      const least = solveCertified(problem).total
      const largest = solveCertified(problem, { maximize: true }).total
      expect(largest).toBeGreaterThanOrEqual(least - 1e-9 * Math.abs(least))
    })
  }
})

describe('linearSumAssignment', () => {
  it('finds what trying every assignment finds, up to 7 columns', () => {
    const entry = fc.oneof(entries['integers with many ties'], entries['negative integers'])
    fc.assert(
      fc.property(problems(entry, 7), (problem) => {
        const { total } = linearSumAssignment(problem.cost, problem.rows, { columns: problem.columns })
        expect(total).toBe(bruteForceTotal(problem))
      }),
      { numRuns: 60 },
    )
    expect.hasAssertions()
  })

  it('knows the optimum of Machol and Wien’s products: the largest row takes the smallest column', () => {
    const size = 50
    const { cost } = matrix(size, (i, j) => (i + 1) * (j + 1))
    const { assignment, total } = linearSumAssignment(cost, size)
    expect([...assignment]).toEqual(Array.from({ length: size }, (_, row) => size - 1 - row))
    expect(total).toBe((size * (size + 1) * (size + 2)) / 6)
  })

  it('maximises as it minimises the negation, with the prices negated', () => {
    fc.assert(
      fc.property(problems(entries['negative and positive reals'], 12), ({ cost, rows, columns }) => {
        const largest = linearSumAssignment(cost, rows, { columns, maximize: true })
        const least = linearSumAssignment(
          cost.map((value) => -value),
          rows,
          { columns },
        )
        expect(largest.assignment).toEqual(least.assignment)
        // Adding zero takes the sign off a negative zero.
        expect(largest.rowPrices.map((price) => price + 0)).toEqual(least.rowPrices.map((price) => 0 - price))
        expect(largest.columnPrices.map((price) => price + 0)).toEqual(least.columnPrices.map((price) => 0 - price))
        expect(largest.total + 0).toBe(0 - least.total)
      }),
    )
    expect.hasAssertions()
  })

  it('keeps the optimal assignments when a constant is added to a row', () => {
    fc.assert(
      fc.property(
        problems(entries['negative integers'], 12),
        fc.nat(),
        fc.integer({ min: -50, max: 50 }),
        ({ cost, rows, columns }, choice, constant) => {
          fc.pre(rows > 0)
          const row = choice % rows
          const shifted = cost.map((value, k) => (Math.floor(k / columns) === row ? value + constant : value))
          const before = linearSumAssignment(cost, rows, { columns })
          const after = linearSumAssignment(shifted, rows, { columns })
          expect(after.total).toBe(before.total + constant)
          const swapped = { ...before, assignment: after.assignment }
          expect(certifyAssignment(cost, swapped).dualityGap).toBe(0)
        },
      ),
    )
    expect.hasAssertions()
  })

  it('gives the same total when the columns are permuted', () => {
    const withOrder = problems(entries['integers with many ties'], 14).chain((problem) =>
      fc.tuple(
        fc.constant(problem),
        fc.shuffledSubarray([...Array(problem.columns).keys()], {
          minLength: problem.columns,
          maxLength: problem.columns,
        }),
      ),
    )
    fc.assert(
      fc.property(withOrder, ([{ cost, rows, columns }, order]) => {
        const permuted = cost.map((_, k) => cost[k - (k % columns) + order[k % columns]!]!)
        const { total } = linearSumAssignment(permuted, rows, { columns })
        expect(total).toBe(linearSumAssignment(cost, rows, { columns }).total)
      }),
    )
    expect.hasAssertions()
  })

  it('is deterministic, modifies nothing and reads f32 as it reads f64', () => {
    const { cost, rows } = matrix(60, (i, j) => Math.floor(4 * quadraticSequence(60 * i + j)))
    const before = cost.slice()
    const first = linearSumAssignment(cost, rows)
    expect(linearSumAssignment(cost, rows)).toEqual(first)
    expect(linearSumAssignment(Float32Array.from(cost), rows)).toEqual(first)
    expect(cost).toEqual(before)
  })

  it('leaves everything in place where nothing is gained by moving', () => {
    const { assignment, total } = linearSumAssignment(new Float64Array(25).fill(3), 5)
    expect([...assignment]).toEqual([0, 1, 2, 3, 4])
    expect(total).toBe(15)
  })

  it('solves the smallest matrices', () => {
    const none = linearSumAssignment(new Float64Array(0), 0)
    expect(none).toEqual({
      assignment: new Int32Array(0),
      rowPrices: new Float64Array(0),
      columnPrices: new Float64Array(0),
      total: 0,
    })
    const one = linearSumAssignment(Float64Array.of(-2.5), 1)
    expect([...one.assignment]).toEqual([0])
    expect(one.rowPrices[0]! + one.columnPrices[0]!).toBe(-2.5)
    const wide = linearSumAssignment(Float64Array.of(4, 2, 3), 1, { columns: 3 })
    expect([...wide.assignment]).toEqual([1])
    expect(wide.total).toBe(2)
  })
})

describe('what linearSumAssignment refuses', () => {
  const costs = (value: number) => Float64Array.of(1, 2, 3, 4, 5, value, 7, 8, 9)
  const solve = (value: number) => () => linearSumAssignment(costs(value), 3)

  it('names the row and the column of a cost that is not finite', () => {
    for (const value of [Number.NaN, Infinity, -Infinity]) {
      expect(solve(value)).toThrow(UserError)
      expect(solve(value)).toThrow(
        `the cost at row 1, column 2 is ${value}, but every cost must be a finite number: replace it before the assignment`,
      )
    }
  })

  it('names the row and the column of a cost so large that sums overflow', () => {
    expect(solve(1e308)).toThrow(/^the cost at row 1, column 2 is 1e\+308, whose sums overflow: scale the costs to at /)
    expect(solve(1e306)().total).toBe(15)
  })

  it('compares the number of costs with the shape', () => {
    expect(() => linearSumAssignment(new Float64Array(8), 3)).toThrow(
      new ShapeError('a cost matrix of shape [3, 3] has 9 entries, but 8 were given'),
    )
    expect(() => linearSumAssignment(new Float64Array(6), 3, { columns: 2 })).toThrow(
      new ShapeError('3 rows cannot each have a column of their own among 2: transpose the cost matrix'),
    )
  })
})
