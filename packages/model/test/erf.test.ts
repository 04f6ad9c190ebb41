import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { erf } from '../src/erf.ts'

const fractionBits = 240n
const one = 1n << fractionBits
/** 2/√π = 1.12837916709551257389615890312154517168810125865799771… */
const twoOverRootPi = (112837916709551257389615890312154517168810125865799n * one) / 10n ** 50n

/** The Maclaurin series (2/√π) Σ (−1)ⁿ x²ⁿ⁺¹ / (n! (2n+1)) in fixed point of 240 bits, where cancellation is harmless. */
function erfInFixedPoint(x: number): number {
  const exact = BigInt(x * 2 ** 40) << (fractionBits - 40n)
  let [power, sum] = [exact, exact]
  for (let n = 1n; power !== 0n && n < 400n; n++) {
    power = (-power * ((exact * exact) / one)) / one / n
    sum += power / (2n * n + 1n)
  }
  return Number(((sum * twoOverRootPi) / one) >> (fractionBits - 60n)) / 2 ** 60
}

describe('erf', () => {
  it('agrees with its series in long arithmetic to 1e-15', () => {
    fc.assert(
      fc.property(fc.integer({ min: -7 * 2 ** 20, max: 7 * 2 ** 20 }), (numerator) => {
        const x = numerator / 2 ** 20
        expect(Math.abs(erf(x) - erfInFixedPoint(x))).toBeLessThan(1e-15)
      }),
      { numRuns: 2000 },
    )
  })

  it('has the published values', () => {
    // Abramowitz & Stegun (1964), table 7.1
    expect(erf(0.5)).toBeCloseTo(0.5204998778, 10)
    expect(erf(1)).toBeCloseTo(0.8427007929, 10)
    expect(erf(2)).toBeCloseTo(0.995322265, 10)
  })

  it('is exact at its ends and odd', () => {
    expect([erf(0), erf(6), erf(Number.POSITIVE_INFINITY), erf(Number.NEGATIVE_INFINITY)]).toEqual([0, 1, 1, -1])
    expect(erf(Number.NaN)).toBeNaN()
    fc.assert(
      fc.property(fc.double({ min: 0, max: 10, noNaN: true }), (x) => {
        expect(erf(-x)).toBe(-erf(x))
      }),
    )
  })
})
