import { fork } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { UserError } from '@isthmus/tensor'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { openResults, querySandboxed, ResultsInUseError } from '../src/index.ts'
import { refusedStatements } from './hostile-statements.ts'
import { oneOfEach } from './sample-rows.ts'
import { testProgram } from './test-program.ts'

let folder: string
let path: string

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'isthmus-sandbox-'))
  path = join(folder, 'results.duckdb')
  const results = await openResults(path)
  await results.ingest(oneOfEach)
  await results.close()
  await writeFile(join(folder, 'secret.csv'), 'a,b\n1,2\n')
})

afterAll(() => rm(folder, { recursive: true, force: true }))

describe('querySandboxed', () => {
  it('gives names, types and values that JSON can hold', async () => {
    const { columns, rows } = await querySandboxed(
      path,
      `select 1::bigint as a, 12345678901234567890 as b, 1.25 as c, 1e300::double as c, date '2026-01-31' as d,
              timestamptz '2026-01-31 12:00:00Z' as e, [1::bigint, 2] as f, null as g, 1234567890123456.5 as h,
              {'x': 1.5} as i, 'nan'::double as j; -- with a comment`,
    )
    expect(columns.slice(0, 4)).toEqual([
      { name: 'a', type: 'BIGINT' },
      { name: 'b', type: 'HUGEINT' },
      { name: 'c', type: 'DECIMAL(3,2)' },
      { name: 'c_1', type: 'DOUBLE' },
    ])
    expect(rows).toEqual([
      [
        ...[1, '12345678901234567890', 1.25, 1e300, '2026-01-31', '2026-01-31T12:00:00+00:00', [1, 2], null],
        ...['1234567890123456.5', { x: 1.5 }, Number.NaN],
      ],
    ])
  })

  it('reads every table and view, in the order that was asked for', async () => {
    expect((await querySandboxed(path, 'select loss from curve order by loss desc')).rows).toEqual([[6], [3.75], [3.5]])
    expect((await querySandboxed(path, 'show tables')).rows.flat()).toContain('leaderboard')
    expect((await querySandboxed(path, 'describe leaderboard')).rows[2]?.slice(0, 2)).toEqual(['method', 'VARCHAR'])
    expect((await querySandboxed(path, 'explain select 1')).rows).toHaveLength(1)
    expect((await querySandboxed(path, 'with x as (from curve) select count(*) from x')).rows).toEqual([[3]])
  })

  it.each(refusedStatements)('refuses %s', async (template) => {
    const before = await readFile(path)
    const refused = querySandboxed(path, template.replaceAll('$', folder))
    await expect(refused).rejects.toThrow(UserError)
    expect((await readdir(folder)).sort()).toEqual(['results.duckdb', 'secret.csv'])
    expect((await readFile(path)).equals(before)).toBe(true)
  })

  it.each([
    ['selec 1', /^Parser Error: syntax error at or near "selec"/],
    ['select nope from curve', /^Binder Error: Referenced column "nope" not found/],
    ['select ?', /Values were not provided/],
    ['-- nothing', /^The query is empty: give one SELECT statement$/],
    ['delete from model', /^Results can only be read: the query must be a SELECT statement/],
    ['pivot curve on method using avg(loss)', /2 were found \(a PIVOT is two, unless IN lists its columns\)$/],
    [`select case when range = 1500000 then error('midway') end from range(2000000)`, /more than 100000 rows/],
    [`select sum(if(range = 1500000, error('midway')::integer, 1)) from range(2000000)`, /midway/],
  ])('explains %s', async (sql, sentence) => {
    const refused = querySandboxed(path, sql)
    await expect(refused).rejects.toThrow(UserError)
    await expect(refused).rejects.toThrow(sentence)
  })

  it('stops a query that takes too long, gives too much or needs too much memory, and goes on with the next', async () => {
    const forever = 'select count(*) from range(10000000) a, range(100000) b where a.range % 7 = b.range % 5'
    await expect(querySandboxed(path, forever, { timeoutMs: 50 })).rejects.toThrow(
      new UserError('The query was stopped after 0.05 s: ask for less of it'),
    )
    await expect(querySandboxed(path, 'from range(1000000000) a, range(1000) b', { maxRows: 5 })).rejects.toThrow(
      new UserError('The query gives more than 5 rows: add a LIMIT or aggregate'),
    )
    const large = 'select count(distinct hash(range)) from range(20000000)'
    await expect(querySandboxed(path, large, { memoryLimit: '20MB' })).rejects.toThrow(/^Out of Memory Error/)
    expect((await querySandboxed(path, 'from range(5)', { maxRows: 5 })).rows).toHaveLength(5)
  })

  it('says that there are no results yet, or who writes them', async () => {
    const missing = join(folder, 'missing', 'results.duckdb')
    await expect(querySandboxed(missing, 'select 1')).rejects.toThrow(
      new UserError(`There are no results at ${missing} yet: run a study first, e.g. isthmus run quickstart`),
    )
    const holder = fork(testProgram('hold-results'), [path])
    await once(holder, 'message')
    await expect(querySandboxed(path, 'select 1', { waitMs: 20 })).rejects.toThrow(ResultsInUseError)
    const waiting = querySandboxed(path, 'select 1')
    holder.send('close')
    expect((await waiting).rows).toEqual([[1]])
  })
})
