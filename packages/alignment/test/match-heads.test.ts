import type { CrossCorrelation } from '@isthmus/activations'
import { identityPermutation, permutation, UserError } from '@isthmus/tensor'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { headPermutation, matchFeatures, matchHeadGroup, matchHeads, matchInsideHeads } from '../src/index.ts'
import { correlationOf, randomCorrelation } from './random-bert.ts'

/** Heads and features of a head, few enough to try every permutation. */
const sizes = fc.constantFrom([1, 1], [1, 4], [2, 1], [2, 2], [2, 3], [3, 1], [3, 2], [3, 3], [4, 1], [4, 2])

const headed = sizes.chain(([numHeads, headSize]) =>
  fc.record({
    numHeads: fc.constant(numHeads!),
    headSize: fc.constant(headSize!),
    correlation: randomCorrelation(numHeads! * headSize!),
  }),
)

/** Sums of a dozen f32 values of at most 1, in f64, in another order. */
const rounding = 1e-12

function arrangements(items: readonly number[]): number[][] {
  if (items.length === 0) return [[]]
  return items.flatMap((item) => arrangements(items.filter((other) => other !== item)).map((rest) => [item, ...rest]))
}

const orders = (size: number) => arrangements([...Array(size).keys()])

function diagonalSum({ matrix, rows }: CrossCorrelation, pairing: ArrayLike<number>): number {
  return Array.from(pairing, (column, row) => matrix[row * rows + column]!).reduce((sum, value) => sum + value, 0)
}

/** The largest diagonal sum over all pairings of heads and, for each, all permutations inside every head at once. */
function bruteForce(correlation: CrossCorrelation, pairings: number[][], headSize: number): number {
  const inside = orders(headSize)
  const best = (outer: number[], chosen: number[]): number => {
    const j = chosen.length / headSize
    if (j === outer.length) return diagonalSum(correlation, chosen)
    return Math.max(...inside.map((inner) => best(outer, [...chosen, ...inner.map((i) => outer[j]! * headSize + i)])))
  }
  return Math.max(...pairings.map((outer) => best(outer, [])))
}

describe('matchHeads', () => {
  it('finds the best of all pairings of heads and all permutations inside them', () => {
    fc.assert(
      fc.property(headed, ({ correlation, numHeads, headSize }) => {
        const { total } = matchHeads(correlation, numHeads, 'assignment')
        expect(Math.abs(total - bruteForce(correlation, orders(numHeads), headSize))).toBeLessThan(rounding)
      }),
    )
  })

  it('with heads in order finds the best of all permutations inside them', () => {
    fc.assert(
      fc.property(headed, ({ correlation, numHeads, headSize }) => {
        const { outer, total } = matchHeads(correlation, numHeads, 'monotonic')
        expect(outer).toEqual(identityPermutation(numHeads))
        const inOrder = [...identityPermutation(numHeads)]
        expect(Math.abs(total - bruteForce(correlation, [inOrder], headSize))).toBeLessThan(rounding)
      }),
    )
  })

  it('has as its total the sum over the diagonal of C with its columns permuted', () => {
    fc.assert(
      fc.property(headed, fc.constantFrom('assignment', 'monotonic'), ({ correlation, numHeads }, pairing) => {
        const matching = matchHeads(correlation, numHeads, pairing)
        expect(Math.abs(matching.total - diagonalSum(correlation, headPermutation(matching)))).toBeLessThan(rounding)
      }),
    )
  })

  it('reaches no more than without heads, and no less than with heads in order', () => {
    fc.assert(
      fc.property(headed, ({ correlation, numHeads }) => {
        const { total } = matchHeads(correlation, numHeads, 'assignment')
        expect(total).toBeLessThanOrEqual(diagonalSum(correlation, matchFeatures(correlation)) + rounding)
        expect(total).toBeGreaterThanOrEqual(matchHeads(correlation, numHeads, 'monotonic').total - rounding)
      }),
    )
  })

  it('refuses features that are no whole number of heads', () => {
    expect(() => matchHeads(correlationOf(new Float32Array(25), 5), 2, 'assignment')).toThrow(
      new UserError('5 attention features cannot be cut into 2 heads of one size'),
    )
  })
})

describe('matchHeadGroup', () => {
  it('finds the best of all pairings of heads that several sets of features share', () => {
    const pair = fc
      .tuple(fc.integer({ min: 1, max: 3 }), fc.integer({ min: 1, max: 2 }), fc.integer({ min: 1, max: 3 }))
      .chain(([numHeads, ...headSizes]) =>
        fc.record({
          numHeads: fc.constant(numHeads),
          headSizes: fc.constant(headSizes),
          scores: fc.tuple(...headSizes.map((size) => randomCorrelation(numHeads * size))),
        }),
      )
    fc.assert(
      fc.property(pair, ({ numHeads, headSizes, scores }) => {
        const matchings = matchHeadGroup(scores, numHeads)
        const best = Math.max(
          ...orders(numHeads).map((outer) =>
            scores.reduce((sum, one, set) => sum + bruteForce(one, [outer], headSizes[set]!), 0),
          ),
        )
        expect(matchings.map(({ outer }) => outer)).toEqual(scores.map(() => matchings[0]!.outer))
        expect(Math.abs(matchings.reduce((sum, { total }) => sum + total, 0) - best)).toBeLessThan(rounding)
      }),
      { numRuns: 50 },
    )
  })
})

describe('matchInsideHeads', () => {
  it('keeps the pairing of heads that it is given', () => {
    fc.assert(
      fc.property(headed, fc.nat(), ({ correlation, numHeads, headSize }, choice) => {
        const pairings = orders(numHeads)
        const outer = pairings[choice % pairings.length]!
        const matching = matchInsideHeads(correlation, permutation(Int32Array.from(outer)))
        expect([...matching.outer]).toEqual(outer)
        expect(Math.abs(matching.total - bruteForce(correlation, [outer], headSize))).toBeLessThan(rounding)
      }),
    )
  })
})

describe('headPermutation', () => {
  it('puts the inner permutation of head j at block (j, outer(j))', () => {
    const matching = {
      outer: permutation(Int32Array.of(2, 0, 1)),
      inner: [Int32Array.of(1, 0), Int32Array.of(0, 1), Int32Array.of(1, 0)].map(permutation),
    }
    expect([...headPermutation(matching)]).toEqual([5, 4, 0, 1, 3, 2])
  })
})

describe('matchFeatures', () => {
  it('finds the best of all permutations', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 6 }).chain(randomCorrelation), (correlation) => {
        const best = Math.max(...orders(correlation.rows).map((order) => diagonalSum(correlation, order)))
        expect(Math.abs(diagonalSum(correlation, matchFeatures(correlation)) - best)).toBeLessThan(rounding)
      }),
    )
  })
})
