import { join } from 'node:path'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { curveBarrierQuery } from '../src/curve-barrier.ts'
import { openResults } from '../src/index.ts'
import { curvePoint, inTemporaryFolder, studyRun } from './sample-rows.ts'

const loss = fc.oneof(
  fc.double({ min: 0, max: 20, noNaN: true }),
  fc.constantFrom(Number.NaN, Number.POSITIVE_INFINITY),
)
/** Points of few curves, that some come to twice with another loss. */
const point = fc.record({
  run: fc.constantFrom('run-1', 'run-2'),
  method: fc.constantFrom('vanilla', 'ffn'),
  pair: fc.constantFrom('seed-1|seed-2', 'seed-1|seed-3'),
  lam: fc.constantFrom(0, 0.25, 0.5, 0.75, 1, 0.1 + 0.2 + 0.7),
  loss,
})
const bundles = fc.array(fc.array(point, { maxLength: 12 }), { minLength: 1, maxLength: 5 })

describe('curve_barrier', () => {
  it('is at all times what all points give, in whatever bundles they come', () =>
    inTemporaryFolder(async (folder) => {
      const results = await openResults(join(folder, 'results.duckdb'))
      const text = async (sql: string) =>
        JSON.stringify(await results.query(`select r::varchar from (${sql}) r order by all`))
      await fc.assert(
        fc.asyncProperty(bundles, async (given) => {
          for (const table of ['curve_point', 'curve_barrier']) await results.write(`delete from ${table}`)
          for (const points of given) {
            const curvePoints = points.map((fields) => curvePoint({ ...fields, modelB: fields.pair.split('|')[1]! }))
            await results.ingest({ studyRuns: [studyRun(), studyRun({ run: 'run-2' })], curvePoints })
            expect(await text('from curve_barrier')).toBe(await text(curveBarrierQuery('curve_point')))
          }
        }),
        { numRuns: 30, seed: 8 },
      )
      await results.close()
    }))
})
