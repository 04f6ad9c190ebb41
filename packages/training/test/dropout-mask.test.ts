import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { dropoutMask } from '../src/index.ts'

describe('dropoutMask', () => {
  it('drops about as many as asked for, and scales the others so that the mean stays', () => {
    fc.assert(
      fc.property(fc.double({ min: 0, max: 0.9, noNaN: true }), fc.nat(), (rate, seed) => {
        const size = 20_000
        const mask = dropoutMask(size, rate, seed, 0, 'node')
        const dropped = mask.filter((value) => value === 0).length / size
        // Six standard deviations, and the rounding of the rate.
        expect(Math.abs(dropped - rate)).toBeLessThan(6 * Math.sqrt((rate * (1 - rate)) / size) + 2 ** -16)
        expect(new Set(mask.filter((value) => value !== 0)).size).toBe(1)
        expect(Math.max(...mask) * (1 - rate)).toBeCloseTo(1, 3)
      }),
      { numRuns: 30 },
    )
  })

  it('is fixed by its seed and purpose, and another for others', () => {
    const mask = dropoutMask(101, 0.5, 3, 7, 'a')
    expect(mask).toHaveLength(101)
    expect(dropoutMask(101, 0.5, 3, 7, 'a')).toEqual(mask)
    for (const other of [
      dropoutMask(101, 0.5, 4, 7, 'a'),
      dropoutMask(101, 0.5, 3, 8, 'a'),
      dropoutMask(101, 0.5, 3, 7, 'b'),
    ]) {
      expect(other).not.toEqual(mask)
    }
  })
})
