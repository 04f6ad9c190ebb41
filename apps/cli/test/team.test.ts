import { existsSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { beforeAll, describe, expect, it } from 'vitest'
import { isthmus, small, temporaryFolder } from './run-isthmus.ts'
import { serve } from './serve-home.ts'

const settings = small.flatMap((setting) => ['--set', setting])

async function ask(url: string, sql: string): Promise<unknown[][]> {
  const response = await fetch(`${url}/v1/sql`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ sql }),
  })
  return ((await response.json()) as { rows: unknown[][] }).rows
}

describe('a team', () => {
  it('computes once what several of it need, and has the results of all', async () => {
    const { url, process: server } = await serve(temporaryFolder())
    const remote = ['--remote', url]
    const [first, second] = [temporaryFolder(), temporaryFolder()]
    const one = await isthmus(first, 'run', 'quickstart', ...settings, ...remote, '--json')
    expect(one.code, one.stderr).toBe(0)
    expect(one.stderr).toMatch(/: 0 results taken, \d\d given/)

    const planned = await isthmus(second, 'plan', 'quickstart', ...settings, ...remote)
    expect(planned.stdout).toMatch(/, 0 to compute/)
    const other = await isthmus(second, 'run', 'quickstart', ...settings, ...remote, '--json')
    expect(other.stderr).toMatch(/: \d\d results taken, 0 given/)
    const [own, taken] = [one, other].map(({ stdout }) => JSON.parse(stdout))
    expect(taken.counts).toMatchObject({ ran: 0, failed: 0 })
    expect(taken.leaderboard).toEqual(own.leaderboard)

    const rows = await ask(url, 'select method, barrier from leaderboard order by method')
    expect(rows).toEqual(
      own.leaderboard
        .map(({ method, barrier }: { method: string; barrier: number }) => [method, barrier])
        .sort(([a]: [string], [b]: [string]) => (a < b ? -1 : 1)),
    )
    const untrusting = await isthmus(second, 'run', 'quickstart', ...settings, ...remote, '--trust', 'nobody', '--json')
    expect(JSON.parse(untrusting.stdout).counts.ran).toBeGreaterThan(10)

    const ended = new Promise((done) => server.once('exit', done))
    server.kill('SIGTERM')
    expect(await ended).toBe(0)
  })

  it('keeps what a server that is away cannot be given, and sends it later', async () => {
    const lab = temporaryFolder()
    const { url, process: server } = await serve(lab)
    const home = temporaryFolder()
    server.kill('SIGKILL')
    const run = await isthmus(home, 'run', 'quickstart', ...settings, '--remote', url, '--json')
    expect(run.code, run.stderr).toBe(0)
    expect(run.stderr).toContain(`isthmus sync --remote ${url} sends it`)
    const early = await isthmus(home, 'sync', '--remote', url)
    expect([early.code, early.stderr]).toEqual([2, expect.stringContaining('still waits')])

    await serve(lab, '--port', new URL(url).port)
    const sync = await isthmus(home, 'sync', '--remote', url, '--json')
    expect(sync.code, sync.stderr).toBe(0)
    expect(JSON.parse(sync.stdout)).toMatchObject({ bundles: 1, disagreements: [] })
    expect((await ask(url, 'select count(*) from curve'))[0]).toEqual([6])
    const again = await isthmus(home, 'sync', '--remote', url)
    expect(again.stdout).toContain('nothing waits')
    expect(readdirSync(join(home, 'outbox'), { recursive: true }).filter((name) => String(name).includes('.'))).toEqual(
      [],
    )
  })

  it('lets in only those who have a token, once there is one', async () => {
    const lab = temporaryFolder()
    const made = await isthmus(lab, 'token', 'create', 'ada', '--role', 'read')
    expect(made.code, made.stderr).toBe(0)
    const { url } = await serve(lab)
    const home = temporaryFolder()
    const run = (token: Record<string, string>) =>
      isthmus(home, token, 'run', 'quickstart', ...settings, '--remote', url)
    const without = await run({})
    expect([without.code, without.stderr]).toEqual([2, expect.stringContaining('set ISTHMUS_TOKEN')])
    const reader = await run({ ISTHMUS_TOKEN: made.stdout.trim() })
    expect([reader.code, reader.stderr]).toEqual([
      0,
      expect.stringMatching(/'ada' may only read .*: 0 results taken\n/s),
    ])

    expect((await isthmus(lab, 'token', 'revoke', 'ada')).code).toBe(0)
    const listed = await isthmus(lab, 'token', 'list', '--json')
    expect(JSON.parse(listed.stdout)).toEqual([
      expect.objectContaining({ name: 'ada', role: 'read', lastUsedOn: expect.stringMatching(/^20\d\d-\d\d-\d\d$/) }),
    ])
    expect(listed.stdout).not.toContain(made.stdout.trim())
  })
})

describe('mistakes', () => {
  it.each([
    [['serve', '--host', '0.0.0.0', '--port', '0'], /there is no token: make one first/],
    [['serve', '--port', 'high'], /--port high: expected a port/],
    [['token', 'create', 'ada', '--role', 'god'], /--role god is not known: give read, write, admin/],
    [['token', 'revoke', 'ada'], /There is no token 'ada'/],
    [['sync'], /sync needs a server/],
    [['run', 'quickstart', '--trust', 'own'], /name the server by --remote/],
    [['run', 'quickstart', '--executor', 'bullmq'], /needs a server, where its machines leave their results/],
    [['run', 'quickstart', '--executor', 'cloud'], /--executor cloud is not known: give local, bullmq, slurm/],
    [['run', 'quickstart', '--queue', 'redis://lab'], /--queue is of a queue/],
    [['run', 'quickstart', '--executor', 'slurm'], /[Ss]lurm/],
    [['worker', '--queue', 'redis://lab'], /a worker needs a server/],
    [['worker', '--remote', 'http://127.0.0.1:9'], /a queue is needed/],
    [['export', '--format', 'xls', '--out', 'x'], /--format xls is not known: give mlflow, parquet or csv/],
  ])('%j is refused in one sentence', async (words, message) => {
    const { code, stderr, stdout } = await isthmus(
      temporaryFolder(),
      { ISTHMUS_REMOTE: '', ISTHMUS_QUEUE: '' },
      ...words,
    )
    expect(stderr).toMatch(message)
    expect(stderr).not.toMatch(/\n {4}at /)
    expect([code, stdout]).toEqual([2, ''])
  })
})

describe('export', () => {
  const home = temporaryFolder()
  beforeAll(async () => {
    await isthmus(home, 'run', 'quickstart', ...settings)
  })

  it.each([
    ['parquet', 'barrier.parquet'],
    ['csv', 'leaderboard.csv'],
    ['mlflow', 'meta.yaml'],
  ])('writes %s, whole, and again in its own place alone', async (format, file) => {
    const out = join(home, format)
    for (let time = 0; time < 2; time++) {
      const { code, stderr } = await isthmus(home, 'export', '--format', format, '--out', out)
      expect(code, stderr).toBe(0)
    }
    expect(readdirSync(out, { recursive: true }).some((name) => String(name).endsWith(file))).toBe(true)
    const other = await isthmus(home, 'export', '--format', format, '--out', home)
    expect([other.code, other.stderr]).toEqual([2, expect.stringContaining('holds files that are no')])
    expect(existsSync(join(home, 'results.duckdb'))).toBe(true)
  })
})
