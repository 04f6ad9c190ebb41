import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { openResults } from '../src/index.ts'
import { studentTQuantiles } from '../src/student-t.ts'
import { inTemporaryFolder } from './sample-rows.ts'

/** ∫₀^x of the t density without its constant, by Simpson's rule. */
function integral(x: number, df: number, steps = 20_000): number {
  const density = (u: number) => (1 + (u * u) / df) ** (-(df + 1) / 2)
  const h = x / steps
  let sum = density(0) + density(x)
  for (let i = 1; i < steps; i++) sum += (i % 2 === 1 ? 4 : 2) * density(i * h)
  return (sum * h) / 3
}

/** P(|T| ≤ x), with the constant from ∫₀^∞ by the substitution u = √ν tan φ: √ν ∫₀^{π/2} cos^{ν−1} φ dφ. */
function coverage(x: number, df: number): number {
  const steps = 20_000
  const h = Math.PI / 2 / steps
  let sum = 1 + (df === 1 ? 1 : 0)
  for (let i = 1; i < steps; i++) sum += (i % 2 === 1 ? 4 : 2) * Math.cos(i * h) ** (df - 1)
  return integral(x, df) / ((Math.sqrt(df) * sum * h) / 3)
}

describe('student t quantiles', () => {
  it('leave 5 % outside, by integrating the density: table and, beyond it, the expansion', () =>
    inTemporaryFolder(async (folder) => {
      const results = await openResults(join(folder, 'results.duckdb'))
      const rows = await results.query<{ df: number; quantile: number | null }>(
        'select df::integer as df, student_t_quantile(df) as quantile from (select unnest([0, 1, 2, 7, 30, 31, 60, 1000]) as df)',
      )
      await results.close()
      expect(rows[0]?.quantile).toBeNull()
      // The expansion's next term is 2e-6 at ν = 31, times twice the density there, 0.1.
      for (const { df, quantile } of rows.slice(1)) expect(coverage(quantile as number, df)).toBeCloseTo(0.95, 6)
      // Eight decimals of the quantile, times twice the density, at most 0.1.
      studentTQuantiles.forEach((quantile, index) => {
        expect(Math.abs(coverage(quantile, index + 1) - 0.95)).toBeLessThan(2e-9)
      })
    }))
})
