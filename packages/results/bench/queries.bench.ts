import { resolve } from 'node:path'
import { parseArgs } from 'node:util'
import { curveBarrierQuery } from '../src/curve-barrier.ts'
import { openResults } from '../src/index.ts'

/** What a page of results asks, on a file that `generate` made: `npm run bench:queries -w @isthmus/results -- --file FILE`.
 *
 *  The rival takes the barriers from all points, which the table `curve_barrier` has.
 */
const { values } = parseArgs({ options: { file: { type: 'string' } } })
if (values.file === undefined) {
  console.error('Usage: npm run bench:queries -w @isthmus/results -- --file FILE')
  process.exit(1)
}
const oneHundred = `(select study, variant, pair, method from barrier order by barrier desc, study, variant, pair, method limit 100)`
const queries: Readonly<Record<string, string>> = {
  'first page of runs': 'from barrier order by barrier desc, study, variant, pair, method limit 100',
  'filtered page': `from barrier where method = 'ffn' and study like '%1%' and pair ilike '%seed-3%'
                    order by difference_to_vanilla, study, variant, pair limit 100`,
  'count of runs': 'select count(*) from barrier',
  leaderboard: 'from leaderboard order by study, variant, barrier',
  'leaderboard of a study': `from leaderboard where study = 'study-07' order by variant, barrier`,
  'curves of a study': `select method, lam, avg(loss) as loss, min(loss) as low, max(loss) as high
                        from curve where study = 'study-07' group by method, lam order by method, lam`,
  'compare 100, barriers': `select * from barrier semi join ${oneHundred} using (study, variant, pair, method)`,
  'compare 100, curves': `select * from curve semi join ${oneHundred} using (study, variant, pair, method) order by all`,
  'points, 100 of them': 'from curve order by loss desc, study, variant, pair, method, lam limit 100',
  'correlation by layer': `select method, site, layer, avg(mean_diagonal_after) as after
                           from correlation join alignment on alignment.key = correlation.alignment
                           where study = 'study-07' group by all order by all`,
  'rival: barriers of all points': `from (${curveBarrierQuery('curve_point')}) order by barrier desc limit 100`,
}

const results = await openResults(resolve(process.env.INIT_CWD ?? '.', values.file), { readOnly: true })
await results.query('set threads = 2')
for (const [name, sql] of Object.entries(queries)) console.log(`${name.padEnd(30)} ${await median(sql)} s`)
await results.close()

async function median(sql: string): Promise<string> {
  const times: number[] = []
  for (let time = 0; time < 5; time++) {
    const start = performance.now()
    await results.query(sql)
    times.push((performance.now() - start) / 1000)
  }
  return times.sort((a, b) => a - b)[2]!.toFixed(3)
}
