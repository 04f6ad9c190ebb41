import { type ChildProcessByStdio, spawn } from 'node:child_process'
import { once } from 'node:events'
import {
  existsSync,
  linkSync,
  readdirSync,
  readFileSync,
  renameSync,
  statSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import type { Readable } from 'node:stream'
import { setTimeout as sleep } from 'node:timers/promises'
import { describe, expect, it } from 'vitest'
import { canonicalDigest, type Digest, verifyCache } from '../src/index.ts'
import { Leases } from '../src/leases.ts'
import { hostToken } from '../src/process-identity.ts'
import { constant, wait } from './dummy-operations.ts'
import { ofType, runDummies, temporaryCache, temporaryDirectory } from './temporary-cache.ts'
import { testProgram } from './test-program.ts'

const key = canonicalDigest('a key')

async function cacheDirectory(): Promise<string> {
  const { directory } = await temporaryCache()
  return directory
}

function leaseOf(directory: string, leased: Digest, holder: object): string {
  const path = join(directory, 'leases', leased)
  writeFileSync(path, JSON.stringify({ pid: process.pid, host: hostToken, started: '', ...holder }))
  return path
}

describe('Leases', () => {
  it('are held by one at a time', async () => {
    const directory = await cacheDirectory()
    const [left, right] = [new Leases(directory, {}), new Leases(directory, {})]
    expect(left.acquire(key)).toBeUndefined()
    expect(right.acquire(key)).toMatchObject({ pid: process.pid, host: hostToken })
    right.release(key)
    expect(right.acquire(key)).toMatchObject({ pid: process.pid })
    left.release(key)
    expect(left.holder(key)).toBeUndefined()
    expect(right.acquire(key)).toBeUndefined()
    left.close()
    right.close()
  })

  it('of a dead process are taken over at once', async () => {
    const directory = await cacheDirectory()
    leaseOf(directory, key, { pid: 999_999_999 })
    const leases = new Leases(directory, {})
    expect(leases.acquire(key)).toBeUndefined()
    leases.close()
  })

  it('of a process that shows no sign of life are taken over, whatever the clock says', async () => {
    const directory = await cacheDirectory()
    const path = leaseOf(directory, key, {})
    utimesSync(path, 1, 1)
    const leases = new Leases(directory, { staleSeconds: 0.3 })
    expect(leases.acquire(key)).toMatchObject({ pid: process.pid })
    utimesSync(path, 2, 2)
    expect(leases.acquire(key)).toMatchObject({ pid: process.pid })
    await sleep(350)
    expect(leases.acquire(key)).toBeUndefined()
    leases.close()
  })

  it('are held where the link was made, though it is said to exist', async () => {
    const directory = await cacheDirectory()
    const leases = new Leases(directory, {})
    const [made, another] = [canonicalDigest('made'), canonicalDigest('another')]
    leases.acquire(key)
    linkSync(join(directory, 'leases', key), join(directory, 'leases', made))
    expect(leases.acquire(made)).toBeUndefined()
    expect(leases.acquire(made)).toMatchObject({ pid: process.pid })
    leaseOf(directory, another, {})
    expect(leases.acquire(another)).toMatchObject({ pid: process.pid })
    leases.release(made)
    expect(leases.holder(made)).toBeUndefined()
    leases.close()
  })

  it('of another host are taken over only after its clock has stood still, whatever it says', async () => {
    const directory = await cacheDirectory()
    const path = leaseOf(directory, key, { pid: 999_999_999, host: 'elsewhere' })
    utimesSync(path, 1, 1)
    const leases = new Leases(directory, { staleSeconds: 0.3 })
    expect(leases.acquire(key)).toMatchObject({ host: 'elsewhere' })
    utimesSync(path, 2, 2)
    await sleep(350)
    expect(leases.acquire(key)).toMatchObject({ host: 'elsewhere' })
    await sleep(350)
    expect(leases.acquire(key)).toBeUndefined()
    leases.close()
  })

  it('show that their holder lives by one time stamp for all', async () => {
    const directory = await cacheDirectory()
    const leases = new Leases(directory, { heartbeatSeconds: 0.05 })
    const other = canonicalDigest('another key')
    for (const leased of [key, other]) leases.acquire(leased)
    const before = statSync(join(directory, 'leases', key)).mtimeMs
    for (let i = 0; i < 200 && statSync(join(directory, 'leases', other)).mtimeMs === before; i++) await sleep(20)
    expect(statSync(join(directory, 'leases', other)).mtimeMs).toBeGreaterThan(before)
    expect(statSync(join(directory, 'leases', key)).ino).toBe(statSync(join(directory, 'leases', other)).ino)
    leases.close()
  })

  it('that another took over meanwhile are not given back', async () => {
    const directory = await cacheDirectory()
    const leases = new Leases(directory, {})
    leases.acquire(key)
    const path = join(directory, 'leases', key)
    linkSync(leaseOf(directory, canonicalDigest('elsewhere'), { pid: 1 }), `${path}.new`)
    renameSync(`${path}.new`, path)
    leases.release(key)
    expect(JSON.parse(readFileSync(path, 'utf8'))).toMatchObject({ pid: 1 })
    leases.close()
  })
})

describe('two runs at once', () => {
  it('share work: one waits for what the other computes', async () => {
    const directory = temporaryDirectory()
    const [left, right] = [await temporaryCache(directory), await temporaryCache(directory)]
    const node = wait.node({}, { name: 'shared', milliseconds: 300 })
    const [first, second] = await Promise.all([runDummies(left, [node]), runDummies(right, [node])])
    const counts = [first, second].map(({ result }) => [result.counts.ran, result.counts.cached])
    expect(counts.sort()).toEqual([
      [0, 1],
      [1, 0],
    ])
    const waiting = [first, second].flatMap(({ events }) => ofType(events, 'waiting'))
    expect(waiting).toMatchObject([{ node, holder: { pid: process.pid } }])
  })

  it('take over what the other gave up', async () => {
    const directory = temporaryDirectory()
    const [left, right] = [await temporaryCache(directory), await temporaryCache(directory)]
    const node = wait.node({}, { name: 'given up', milliseconds: 400 })
    const interrupt = new AbortController()
    const first = runDummies(left, [node], { signal: interrupt.signal })
    const second = await runDummies(right, [node], {
      onEvent: ({ type }) => type === 'waiting' && interrupt.abort(),
    })
    expect((await first).result.counts).toMatchObject({ interrupted: 1 })
    expect(ofType(second.events, 'waiting').length).toBe(1)
    expect(second.result.counts).toMatchObject({ ran: 1 })
  })

  it('find what the other finished, though no time of change tells of it', async () => {
    const directory = temporaryDirectory()
    const [left, right] = [await temporaryCache(directory), await temporaryCache(directory)]
    const node = wait.node({}, { name: 'shared', milliseconds: 300 })
    const actions = join(directory, 'actions')
    await sleep(100)
    right.refresh()
    const { atime, mtime } = statSync(actions)
    const isHidden = setInterval(() => utimesSync(actions, atime, mtime))
    const runs = await Promise.all([runDummies(left, [node]), runDummies(right, [node])])
    clearInterval(isHidden)
    expect(runs.reduce((sum, { result }) => sum + result.counts.ran, 0)).toBe(1)
  })

  it('take over the leases of a run that was killed', async () => {
    const cache = await temporaryCache()
    const node = constant.node({}, { value: 1 })
    const { events } = await runDummies(cache, [node])
    const path = leaseOf(cache.directory, ofType(events, 'finished')[0]!.key, { pid: 999_999_999 })
    await temporaryCache(cache.directory)
    expect(existsSync(path)).toBe(false)
  })

  it.each([2, 4])('%i in processes of their own run no node twice, and agree', async (count) => {
    const directory = temporaryDirectory()
    const programs = runPrograms(directory, count)
    const outputs = await Promise.all(programs.map(({ output }) => output))
    const jobs = readJobs(programs[0]!.log)
    expect(jobs.overlapping).toEqual([])
    expect(jobs.begun.length).toBe(60)
    expect(new Set(jobs.begun.map((job) => job.key)).size).toBe(60)
    const ran = outputs.map(({ counts }) => counts.ran)
    expect(ran.reduce((sum, one) => sum + one)).toBe(60)
    for (const { digests } of outputs) expect(digests).toEqual(outputs[0]!.digests)
    expect((await verifyCache(await temporaryCache(directory))).clean).toBe(true)
  })

  it('go on when one of four is killed: the others take over, and run no node twice', async () => {
    const directory = temporaryDirectory()
    const [killed, ...others] = runPrograms(directory, 4)
    const { child, log } = killed!
    const died = expect(killed!.output).rejects.toThrow('SIGKILL')
    await untilInside(log, child.pid!)
    child.kill('SIGKILL')
    await died
    const outputs = await Promise.all(others.map(({ output }) => output))
    const jobs = readJobs(log, child.pid)
    expect(jobs.overlapping).toEqual([])
    const begunByOthers = jobs.begun.filter(({ pid }) => pid !== child.pid).map((job) => job.key)
    expect(new Set(begunByOthers).size).toBe(begunByOthers.length)
    expect(new Set(jobs.begun.map((job) => job.key)).size).toBe(60)
    for (const { digests } of outputs) expect(digests).toEqual(outputs[0]!.digests)
    expect((await verifyCache(await temporaryCache(directory))).clean).toBe(true)
    expect(readdirSync(join(directory, 'leases'))).toEqual([])
  })
})

interface Outcome {
  readonly digests: readonly string[]
  readonly counts: { readonly ran: number }
}

/** So many runs of one graph on one cache, which begin together. */
function runPrograms(directory: string, count: number) {
  const meetingPlace = temporaryDirectory()
  const log = join(temporaryDirectory(), 'log')
  return Array.from({ length: count }, () => {
    const child = spawn(process.execPath, [testProgram('run-graph'), directory, meetingPlace, String(count)], {
      stdio: ['ignore', 'pipe', 'inherit'],
      env: { ...process.env, JOB_LOG: log },
    })
    return { child, log, output: outcome(child) }
  })
}

async function outcome(child: ChildProcessByStdio<null, Readable, null>): Promise<Outcome> {
  let output = ''
  child.stdout.on('data', (chunk) => {
    output += chunk
  })
  const [code, signal] = await once(child, 'close')
  if (code !== 0) throw new Error(`the program ended with ${code ?? signal}`)
  return JSON.parse(output.trimEnd().split('\n').at(-1)!)
}

/** Wait until a process has begun a job that it has not ended. */
async function untilInside(log: string, pid: number): Promise<void> {
  for (;;) {
    const lines = existsSync(log) ? readFileSync(log, 'utf8').split('\n') : []
    const own = lines.filter((line) => line.endsWith(` ${pid}`))
    if (own.filter((line) => line.startsWith('begin')).length > own.length / 2) return
    await sleep(1)
  }
}

/** What processes wrote of their jobs, in the order in which they did; of a killed one, jobs that it had not ended hinder
 *  nobody.
 */
function readJobs(log: string, killed?: number) {
  const begun: { readonly key: string; readonly pid: number }[] = []
  const overlapping: string[] = []
  const inside = new Map<string, number>()
  for (const line of readFileSync(log, 'utf8').trimEnd().split('\n')) {
    const [what, key = '', process] = line.split(' ')
    const pid = Number(process)
    if (what === 'end') {
      if (inside.get(key) === pid) inside.delete(key)
      continue
    }
    if (inside.has(key) && inside.get(key) !== killed) overlapping.push(key)
    inside.set(key, pid)
    begun.push({ key, pid })
  }
  return { begun, overlapping }
}
