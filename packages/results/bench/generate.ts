import { resolve } from 'node:path'
import { parseArgs } from 'node:util'
import { openResults } from '../src/index.ts'
import { manyResults, pointsPerResult } from './many-results.ts'

/** Write a results file of a large lab: `npm run generate -w @isthmus/results -- --results 100000 --out FILE`. */
const { values } = parseArgs({ options: { results: { type: 'string', default: '100000' }, out: { type: 'string' } } })
const count = Number(values.results)
if (values.out === undefined || !Number.isSafeInteger(count) || count < 1) {
  console.error('Usage: npm run generate -w @isthmus/results -- --results 100000 --out FILE')
  process.exit(1)
}
const start = performance.now()
const results = await openResults(resolve(process.env.INIT_CWD ?? '.', values.out))
for (const rows of manyResults(count)) await results.ingest(rows)
await results.close()
const seconds = (performance.now() - start) / 1000
console.log(`${values.out}: ${count} results of ${pointsPerResult} points in ${seconds.toFixed(1)} s`)
