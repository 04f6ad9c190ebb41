import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { isthmus, small, temporaryFolder } from './run-isthmus.ts'
import { serve } from './serve-home.ts'

const settings = small.flatMap((setting) => ['--set', setting])
const isFresh = /results recorded up to 20\d\d-\d\d-\d\d \d\d:\d\d:\d\d UTC, by the server that has them\n/

it('is run in, and read, while a server has its results', async () => {
  const home = temporaryFolder()
  const { process: server } = await serve(home)
  const run = await isthmus(home, 'run', 'quickstart', ...settings, '--json')
  expect(run.code, run.stderr).toBe(0)
  expect(run.stderr).toContain(`a server has the results of ${home}, and has taken in those of this run\n`)
  expect(run.stderr).not.toContain('in use')
  const { leaderboard: board } = JSON.parse(run.stdout)
  expect(board).toHaveLength(2)
  expect(readdirSync(join(home, 'spool'))).toEqual([])

  // At once, as of people who do not know of each other.
  const [table, sql, plot, report, parquet] = await Promise.all([
    isthmus(home, 'leaderboard', '--format', 'json'),
    isthmus(home, 'sql', 'select count(*) as curves from curve', '--format', 'csv'),
    isthmus(home, 'plot', 'barriers', '--out', join(home, 'barriers.svg')),
    isthmus(home, 'report', 'quickstart', '--out', join(home, 'report')),
    isthmus(home, 'export', '--format', 'parquet', '--out', join(home, 'parquet')),
  ])
  for (const { code, stderr } of [table, sql, plot, report, parquet]) {
    expect(stderr).toMatch(isFresh)
    expect(code, stderr).toBe(0)
  }
  expect(JSON.parse(table.stdout)).toEqual(board)
  expect(sql.stdout).toBe('curves\n6\n')
  expect(readFileSync(join(home, 'barriers.svg'), 'utf8')).toContain('<svg')
  expect(existsSync(join(home, 'report', 'index.html'))).toBe(true)
  expect(existsSync(join(home, 'parquet', 'barrier.parquet'))).toBe(true)
  expect(readdirSync(join(home, 'server', 'copies'))).toEqual([])

  const refused = await isthmus(home, 'sql', 'select nonsense from curve')
  expect([refused.code, refused.stderr]).toEqual([2, expect.stringContaining('nonsense')])
  expect(readdirSync(join(home, 'server', 'copies'))).toEqual([])

  // A server that was killed lets go of the results, and what it left is in nobody's way.
  const ended = new Promise((done) => server.once('exit', done))
  server.kill('SIGKILL')
  await ended
  const after = await isthmus(home, 'leaderboard', '--format', 'json')
  expect([after.code, after.stderr]).toEqual([0, ''])
  expect(JSON.parse(after.stdout)).toEqual(board)
})
