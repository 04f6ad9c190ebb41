import { mkdtemp, readdir, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { UserError } from '@isthmus/tensor'
import { tableFromIPC } from 'apache-arrow'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { openResults, QueryPool, querySandboxed, type Results, type Snapshot, Snapshots } from '../src/index.ts'
import { endlessStatements, refusedStatements } from './hostile-statements.ts'
import { curvePoint, oneOfEach, studyRun } from './sample-rows.ts'
import { testProgram } from './test-program.ts'

const endless = 'select count(*) from range(10000000) a, range(100000) b where a.range % 7 = b.range % 5'
let folder: string
let path: string
let results: Results
let snapshots: Snapshots
const pools: QueryPool[] = []

function makePool(options: { readonly size?: number; readonly timeoutMs?: number } = {}): QueryPool {
  const pool = new QueryPool({ workerModule: testProgram('answer-queries'), ...options })
  pools.push(pool)
  return pool
}

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'isthmus-pool-'))
  path = join(folder, 'results.duckdb')
  results = await openResults(path)
  await results.ingest(oneOfEach)
  snapshots = new Snapshots(results, { folder: join(folder, 'snapshots'), intervalMs: 0 })
})

afterEach(() => {
  for (const pool of pools.splice(0)) pool.close()
})

afterAll(async () => {
  await snapshots.close()
  await results.close()
  await rm(folder, { recursive: true, force: true })
})

describe('QueryPool', () => {
  it('gives what querySandboxed does, and describes views, as the page asks', () =>
    snapshots.use(async (snapshot) => {
      const pool = makePool({ size: 1 })
      for (const sql of ['select * from curve order by all', 'describe select * from barrier', 'from lab.note']) {
        expect(await pool.run(snapshot.path, sql, 'json')).toEqual(await querySandboxed(snapshot.path, sql))
      }
    }))

  it('refuses every hostile statement and answers the next', { timeout: 60_000 }, () =>
    snapshots.use(async (snapshot) => {
      const pool = makePool()
      await Promise.all(
        refusedStatements.map((template) =>
          expect(pool.run(snapshot.path, template.replaceAll('$', folder), 'arrow'), template).rejects.toThrow(
            UserError,
          ),
        ),
      )
      expect((await pool.run(snapshot.path, 'select 1', 'json')).rows).toEqual([[1]])
    }),
  )

  it('ends what has no end, for its time or its memory, and answers the next', { timeout: 60_000 }, () =>
    snapshots.use(async (snapshot) => {
      const pool = makePool({ timeoutMs: 300 })
      await Promise.all(
        // `queryInProcess`, which is a use of a pool, is tried on all of them.
        endlessStatements
          .filter((_, index) => index % 5 === 0)
          .map((sql) => expect(pool.run(snapshot.path, sql, 'json'), sql).rejects.toThrow(UserError)),
      )
      expect((await pool.run(snapshot.path, 'select 1', 'json')).rows).toEqual([[1]])
    }),
  )

  it('ends a query that is given up, running or waiting, and lets those behind it through', () =>
    snapshots.use(async (snapshot) => {
      const pool = makePool({ size: 1, timeoutMs: 600_000 })
      const running = new AbortController()
      const waiting = new AbortController()
      const given = expect(pool.run(snapshot.path, endless, 'json', running.signal)).rejects.toThrow('left')
      const never = expect(pool.run(snapshot.path, endless, 'json', waiting.signal)).rejects.toThrow('gone')
      const last = pool.run(snapshot.path, 'select 7', 'json')
      expect(pool.waiting).toBe(2)
      waiting.abort(new Error('gone'))
      running.abort(new Error('left'))
      await Promise.all([given, never])
      expect((await last).rows).toEqual([[7]])
    }))

  it('refuses queries once it is closed, those that wait too', async () => {
    const pool = makePool({ size: 1 })
    const ended = ['select 1', 'select 2'].map((sql) => expect(pool.run(path, sql, 'json')).rejects.toThrow())
    pool.close()
    await Promise.all(ended)
    await expect(pool.run(path, 'select 1', 'json')).rejects.toThrow('The pool of queries was closed.')
  })
})

describe('Snapshots', () => {
  it('stay while they are read, and are taken anew only after writes', async () => {
    const pool = makePool({ size: 2 })
    const count = 'select count(*) from curve_point'
    await snapshots.use(async (before) => {
      const [[n]] = (await pool.run(before.path, count, 'json')).rows as [[number]]
      await snapshots.use(async (same) => expect(same.path).toBe(before.path))
      await results.ingest({ studyRuns: [studyRun()], curvePoints: [curvePoint({ method: 'later' })] })
      await snapshots.use(async (after) => {
        expect(after.path).not.toBe(before.path)
        expect(after.asOf.getTime()).toBeGreaterThanOrEqual(before.asOf.getTime())
        const answers = await Promise.all([before, after].map((one) => pool.run(one.path, count, 'json')))
        expect(answers.map(({ rows }) => rows)).toEqual([[[n]], [[n + 1]]])
      })
    })
    expect(await readdir(join(folder, 'snapshots'))).toHaveLength(1)
  })

  it('have all that was written before, where that is asked for, also while one is taken', async () => {
    const lazy = new Snapshots(results, { folder: join(folder, 'lazy'), intervalMs: 3_600_000 })
    const ingest = (method: string) =>
      results.ingest({ studyRuns: [studyRun()], curvePoints: [curvePoint({ method })] })
    const has =
      (method: string) =>
      async ({ path }: Snapshot) =>
        (await querySandboxed(path, `select count(*) from curve_point where method = '${method}'`)).rows
    const first = lazy.use(has('one'))
    await ingest('one')
    const newest = lazy.useNewest(has('one'))
    expect(await newest).toEqual([[1]])
    await first
    await ingest('two')
    expect(await lazy.use(has('two'))).toEqual([[0]])
    expect(await lazy.useNewest(has('two'))).toEqual([[1]])
    await lazy.close()
    expect(await readdir(join(folder, 'lazy'))).toEqual([])
  })

  it('are read as Arrow as they are as JSON', () =>
    snapshots.use(async (snapshot) => {
      const pool = makePool()
      const sql = 'select study, started_at, nodes_ran, seconds, settings, finished_at from study_run order by all'
      const { rows, columns } = await pool.run(snapshot.path, sql, 'json')
      const table = tableFromIPC(await pool.run(snapshot.path, sql, 'arrow'))
      expect(table.schema.fields.map(({ name }) => name)).toEqual(columns.map(({ name }) => name))
      expect(table.schema.fields.map(({ type }) => String(type))).toEqual([
        ...['Dictionary<Int32, Utf8>', 'Timestamp<MILLISECOND>', 'Float64', 'Float64', 'Dictionary<Int32, Utf8>'],
        'Timestamp<MILLISECOND>',
      ])
      const read = table.toArray().map((row) => Object.values(row.toJSON()))
      expect(read.map(([study]) => study)).toEqual(rows.map(([study]) => study))
      expect(read.map((row) => row[1])).toEqual(rows.map((row) => Date.parse(`${row[1]}Z`)))
      expect(read.map((row) => row[5])).toEqual(rows.map(() => null))
    }))
})
