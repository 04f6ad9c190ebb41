import { describe, expect, it } from 'vitest'
import { studentTQuantile } from '../src/student-t-quantile.ts'

describe('studentTQuantile', () => {
  it('is the published quantile where intervals are made: from 15 degrees of freedom, far into the tail', () => {
    // SciPy 1.17, scipy.stats.t.ppf.
    for (const [p, degrees, expected] of [
      [0.975, 15, 2.131449546],
      [0.98, 63, 2.097146401],
      [0.9875, 79, 2.284925606],
      [0.999, 15, 3.732834425],
      [1 - 1e-5, 15, 6.108867895],
      [1 - 1e-5, 63, 4.612597011],
      [1 - 1e-6, 15, 7.464384941],
    ] as const) {
      expect(Math.abs(studentTQuantile(p, degrees) / expected - 1), `p = ${p}, ν = ${degrees}`).toBeLessThan(1e-3)
    }
  })

  it('is odd about p = ½ and tends to the normal quantile', () => {
    expect(studentTQuantile(0.1, 20)).toBe(-studentTQuantile(0.9, 20))
    expect(Math.abs(studentTQuantile(0.975, 1e9) - 1.959963985)).toBeLessThan(5e-4)
  })
})
