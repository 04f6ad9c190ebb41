import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { UserError } from '@isthmus/tensor'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { openResults, queryInProcess, querySandboxed } from '../src/index.ts'
import { endlessStatements, refusedStatements } from './hostile-statements.ts'
import { oneOfEach } from './sample-rows.ts'
import { testProgram } from './test-program.ts'

let folder: string
let path: string
const options = { workerModule: testProgram('answer-queries'), timeoutMs: 300 }

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'isthmus-query-'))
  path = join(folder, 'results.duckdb')
  const results = await openResults(path)
  await results.ingest(oneOfEach)
  await results.close()
})

afterAll(() => rm(folder, { recursive: true, force: true }))

describe('queryInProcess', () => {
  it('gives what querySandboxed does', async () => {
    for (const sql of ['select * from curve order by all', 'describe leaderboard']) {
      expect(await queryInProcess(path, sql, { ...options, timeoutMs: 10_000 })).toEqual(
        await querySandboxed(path, sql),
      )
    }
    await expect(queryInProcess(path, 'drop view curve', options)).rejects.toThrow(
      new UserError('Results can only be read: the query must be a SELECT statement, and this is DROP'),
    )
  })

  it.concurrent.each(endlessStatements)('ends %s', async (sql) => {
    const ended = queryInProcess(path, sql, options)
    await expect(ended).rejects.toThrow(UserError)
    await expect(ended).rejects.toThrow(
      /^The query was stopped (after 0.3 s|at 2.5 GB of memory)|^Out of Memory|^Invalid Input/,
    )
  })

  it('ends at once when it is told to', async () => {
    const abort = new AbortController()
    const ended = queryInProcess(path, endlessStatements[0]!, { ...options, timeoutMs: 600_000, signal: abort.signal })
    setTimeout(() => abort.abort(new Error('interrupted')), 50)
    await expect(ended).rejects.toThrow('interrupted')
  })

  it('is tried on more than a hundred statements', () => {
    expect(new Set([...refusedStatements, ...endlessStatements]).size).toBeGreaterThan(100)
  })
})
