import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type CurvePointRow, leaderboard, openResults, type StudyRunRow } from '../src/index.ts'

/** 20,000 curve points (21 λ, 8 methods, 120 pairs of 16 seeds) through the appender, against one INSERT per row. */
const run: StudyRunRow = {
  study: 'bench',
  run: 'r',
  startedAt: '2026-01-01T00:00:00.000Z',
  finishedAt: null,
  settings: {},
  nodesRan: 0,
  nodesCached: 0,
  nodesFailed: 0,
  seconds: null,
  version: 'bench',
}

const points: CurvePointRow[] = []
for (let method = 0; method < 8; method++) {
  for (let a = 0; a < 16; a++) {
    for (let b = a + 1; b < 16; b++) {
      for (let step = 0; step <= 20; step++) {
        const lam = step / 20
        const loss = 3.7 + lam * (1 - lam) * (4 + ((a * 31 + b * 17 + method * 7) % 11) / 10)
        points.push({
          ...{ study: 'bench', run: 'r', variant: '', settings: { fraction: 0.1 }, pair: `seed-${a}|seed-${b}` },
          ...{ modelA: `seed-${a}`, modelB: `seed-${b}`, method: method === 0 ? 'vanilla' : `method-${method}` },
          ...{ lam, loss, perplexity: Math.exp(loss), positions: 5000, digest: `digest-${points.length}` },
        })
      }
    }
  }
}

async function seconds(task: () => Promise<unknown>): Promise<number> {
  const start = performance.now()
  await task()
  return (performance.now() - start) / 1000
}

const folder = await mkdtemp(join(tmpdir(), 'isthmus-bench-'))
const start = performance.now()
const results = await openResults(join(folder, 'results.duckdb'))
console.log(
  `open and create the schema   ${((performance.now() - start) / 1000).toFixed(3)} s (with the import of DuckDB)`,
)
const appended = await seconds(() => results.ingest({ studyRuns: [run], curvePoints: points }))
const replaced = await seconds(() => results.ingest({ studyRuns: [run], curvePoints: points }))
const board = await seconds(() => leaderboard(results))
await results.query('create table rival as from curve_point limit 0')
await results.query('begin')
const inserted = await seconds(async () => {
  for (const point of points) {
    const { settings, ...columns } = point
    const values = [...Object.values(columns), JSON.stringify(settings)]
    await results.query(
      `insert into rival (study, run, variant, pair, model_a, model_b, method, lam, loss, perplexity, positions, digest, settings)
       values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)`,
      values,
    )
  }
})
await results.query('commit')
const closed = await seconds(() => results.close())
await rm(folder, { recursive: true })
console.log(`ingest ${points.length} curve points   ${appended.toFixed(3)} s, again ${replaced.toFixed(3)} s`)
console.log(`one INSERT per row           ${inserted.toFixed(3)} s, ${(inserted / appended).toFixed(1)} times as long`)
console.log(`leaderboard of 960 curves    ${board.toFixed(3)} s`)
console.log(`close                        ${closed.toFixed(3)} s`)
