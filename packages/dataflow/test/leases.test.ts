import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, linkSync, readFileSync, renameSync, statSync, utimesSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { describe, expect, it } from 'vitest'
import { canonicalDigest, type Digest, verifyCache } from '../src/index.ts'
import { Leases } from '../src/leases.ts'
import { hostToken } from '../src/process-identity.ts'
import { constant, wait } from './dummy-operations.ts'
import { ofType, runDummies, temporaryCache, temporaryDirectory } from './temporary-cache.ts'

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

  it('of a process that shows no sign of life are taken over', async () => {
    const directory = await cacheDirectory()
    const path = leaseOf(directory, key, {})
    const leases = new Leases(directory, { staleSeconds: 15 })
    expect(leases.acquire(key)).toMatchObject({ pid: process.pid })
    utimesSync(path, Date.now() / 1000 - 16, Date.now() / 1000 - 16)
    expect(leases.acquire(key)).toBeUndefined()
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

  it('take over the leases of a run that was killed', async () => {
    const cache = await temporaryCache()
    const node = constant.node({}, { value: 1 })
    const { events } = await runDummies(cache, [node])
    const path = leaseOf(cache.directory, ofType(events, 'finished')[0]!.key, { pid: 999_999_999 })
    await temporaryCache(cache.directory)
    expect(existsSync(path)).toBe(false)
  })

  it('of separate processes run no node twice and agree', async () => {
    const directory = temporaryDirectory()
    const log = join(temporaryDirectory(), 'log')
    const meetingPlace = temporaryDirectory()
    const outputs = await Promise.all([1, 2].map(() => runProgram(directory, meetingPlace, log)))
    const runs = readFileSync(log, 'utf8').trimEnd().split('\n')
    const [first, second] = outputs.map((output) => JSON.parse(output.trimEnd().split('\n').at(-1)!))
    expect(runs.length).toBe(60)
    expect(first.counts.ran + second.counts.ran).toBe(60)
    expect(first.digests).toEqual(second.digests)
    expect((await verifyCache(await temporaryCache(directory))).clean).toBe(true)
  })
})

async function runProgram(directory: string, meetingPlace: string, log: string): Promise<string> {
  const program = fileURLToPath(new URL('./programs/run-graph.ts', import.meta.url))
  const child = spawn(process.execPath, ['--import', 'tsx', program, directory, meetingPlace], {
    stdio: ['ignore', 'pipe', 'inherit'],
    env: { ...process.env, RUN_LOG: log },
  })
  let output = ''
  child.stdout.on('data', (chunk) => {
    output += chunk
  })
  const [code] = await once(child, 'close')
  if (code !== 0) throw new Error(`the program exited with ${code}`)
  return output
}
