import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { chmodSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { describe, expect, it, onTestFinished } from 'vitest'
import {
  type Cache,
  defineOperation,
  type Executor,
  type ProcessPoolOptions,
  processPoolExecutor,
} from '../src/index.ts'
import { isAlive } from '../src/process-identity.ts'
import { add, concatenate, die, hoard, measure, report, wait, writeText } from './dummy-operations.ts'
import { ofType, runDummies, temporaryCache, temporaryDirectory } from './temporary-cache.ts'
import { testProgram } from './test-program.ts'

function pool(cache: Cache, options: Partial<ProcessPoolOptions> = {}): Executor {
  const executor = processPoolExecutor({
    workerModule: testProgram('worker'),
    size: 2,
    cacheDirectory: cache.directory,
    ...options,
  })
  onTestFinished(() => executor.close())
  return executor
}

async function untilDead(pids: readonly number[]): Promise<boolean> {
  for (let i = 0; i < 200 && pids.some(isAlive); i++) await sleep(50)
  return !pids.some(isAlive)
}

describe('processPoolExecutor', () => {
  it('runs operations in other processes, with progress, and ends them', async () => {
    const cache = await temporaryCache()
    const executor = pool(cache, { size: 1 })
    const parts = ['one', 'two'].map((text) => writeText.node({}, { text }))
    const joined = concatenate.node({ parts }, { separator: '+' })
    const pid = report.node({}, { print: 'this goes to stderr' })
    const { result, events } = await runDummies(cache, [joined, pid], { executor })
    expect(readFileSync(await result.artifact(joined).path('text'), 'utf8')).toBe('one+two')
    expect(ofType(events, 'progress')).toEqual([{ type: 'progress', node: joined, done: 1, total: 1 }])
    const worker = result.artifact(pid).value
    expect(worker).not.toBe(process.pid)
    expect(isAlive(worker)).toBe(true)
    await executor.close()
    expect(isAlive(worker)).toBe(false)
    const late = await runDummies(cache, [report.node({}, { print: 'later' })], { executor })
    expect(late.result.failures[0]?.error.message).toBe('The pool of processes is closed: make a new one.')
  })

  it('says how a process was lost, and why it may have been', async () => {
    const cache = await temporaryCache()
    const marker = join(temporaryDirectory(), 'died')
    const doomed = die.node({}, { marker, always: true }, { label: 'doomed' })
    const { result } = await runDummies(cache, [doomed], { executor: pool(cache) })
    expect(result.failures.map(({ error }) => error.message)).toEqual([
      "The process that ran 'doomed' was killed by SIGKILL, twice; the system kills a process when memory runs out: " +
        'run fewer at once.',
    ])
  })

  it('fails a job whose worker cannot start', async () => {
    const cache = await temporaryCache()
    const executor = pool(cache, { workerModule: testProgram('broken-worker') })
    const { result } = await runDummies(cache, [add.node({ terms: [] }, {})], { executor })
    expect(result.failures[0]?.error.message).toBe(
      "The process that ran 'dummy.add' exited with 1, twice; what it wrote to stderr says why.",
    )
  })

  it('has a corrupt blob computed again that a worker notices', async () => {
    const directory = temporaryDirectory()
    const written = writeText.node({}, { text: 'hello' })
    const first = await runDummies(await temporaryCache(directory), [written])
    const cache = await temporaryCache(directory)
    const blob = first.result.artifact(written).blobs.text!
    chmodSync(cache.blobs.locate(blob), 0o644)
    writeFileSync(cache.blobs.locate(blob), 'hullo')
    const target = measure.node({ of: written }, {})
    const { result, events } = await runDummies(cache, [target], { executor: pool(cache, { size: 1 }) })
    expect(ofType(events, 'corrupt').map(({ node, found }) => [node, found])).toEqual([[written, 'corrupt']])
    expect(result.artifact(target).value).toBe(5)
  })

  it('keeps the memory of jobs that run at once within the budget, and runs a larger one alone', async () => {
    const costly = defineOperation({
      ...wait,
      cost: ({ name }) => ({ memoryBytes: Number(name.split(' ')[1]) }),
    })
    const cache = await temporaryCache()
    const executor = pool(cache, { size: 3, memoryBytes: 100 })
    let used = 0
    const seen: number[] = []
    const watched: Executor = {
      slots: 4,
      close: () => executor.close(),
      execute: async (job, { signal }) => {
        const { memoryBytes } = job.cost as { memoryBytes: number }
        const progress = () => {
          used += memoryBytes
          seen.push(used)
        }
        const result = await executor.execute(job, { signal, progress })
        used -= memoryBytes
        return result
      },
    }
    const targets = ['a 60', 'b 60', 'c 30', 'd 200'].map((name) => costly.node({}, { name, milliseconds: 100 }))
    const { result } = await runDummies(cache, targets, { executor: watched })
    expect(result.counts).toMatchObject({ ran: 4 })
    expect(seen.length).toBe(4)
    expect(seen.filter((bytes) => bytes > 100)).toEqual([200])
  })

  it('replaces a process that grows, between jobs, and no result is lost', async () => {
    const cache = await temporaryCache()
    const executor = pool(cache, { size: 1, maximumGrowthBytes: 100 * 2 ** 20 })
    const names = ['a', 'b', 'c', 'd', 'e', 'f', 'g']
    const targets = names.map((name) => hoard.node({}, { name, bytes: 64 * 2 ** 20 }))
    const { result } = await runDummies(cache, targets, { executor })
    const values = targets.map((target) => result.artifact(target).value)
    expect(values.map(({ name }) => name)).toEqual(names)
    const workers = [...new Set(values.map(({ pid }) => pid))]
    expect(workers.length).toBeGreaterThan(1)
    expect(workers.length).toBeLessThan(names.length)
    expect(workers.slice(0, -1).filter(isAlive)).toEqual([])
    expect(isAlive(workers.at(-1)!)).toBe(true)
  })

  it('keeps a process that has grown by no more than the costs of its jobs', async () => {
    const cache = await temporaryCache()
    const executor = pool(cache, { size: 1, maximumGrowthBytes: 100 * 2 ** 20 })
    const costly = ['a', 'b', 'c', 'd', 'e'].map((name) => hoard.node({}, { name, bytes: 64 * 2 ** 20, cost: 2 ** 30 }))
    const { result } = await runDummies(cache, costly, { executor })
    expect(new Set(costly.map((target) => result.artifact(target).value.pid)).size).toBe(1)
  })

  it('leaves no process behind when its own is killed, and keeps stdout clean', async () => {
    const directory = temporaryDirectory()
    const child = spawn(process.execPath, [testProgram('orphan-workers'), directory], {
      stdio: ['ignore', 'pipe', 'ignore'],
    })
    const lines: string[] = []
    for await (const chunk of child.stdout) {
      lines.push(...String(chunk).split('\n').filter(Boolean))
      if (lines.length >= 1) break
    }
    const workers = JSON.parse(lines[0]!) as number[]
    expect(workers.length).toBe(2)
    expect(workers.every(isAlive)).toBe(true)
    const exit = once(child, 'exit')
    child.kill('SIGKILL')
    expect(await exit).toEqual([null, 'SIGKILL'])
    expect(await untilDead(workers)).toBe(true)
  })

  it('does not keep its process from ending', async () => {
    const child = spawn(process.execPath, [testProgram('orphan-workers'), temporaryDirectory(), 'return'], {
      stdio: ['ignore', 'pipe', 'ignore'],
    })
    let output = ''
    child.stdout.on('data', (chunk) => {
      output += chunk
    })
    expect(await once(child, 'close')).toEqual([0, null])
    expect(await untilDead(JSON.parse(output) as number[])).toBe(true)
  })
})

describe('serveOperations', () => {
  it('says that it is for workers when it is called by hand', async () => {
    const child = spawn(process.execPath, [testProgram('worker')], {
      stdio: ['ignore', 'ignore', 'pipe'],
    })
    let output = ''
    child.stderr.on('data', (chunk) => {
      output += chunk
    })
    expect(await once(child, 'close')).toEqual([1, null])
    expect(output).toContain('This module is a worker: it is started by processPoolExecutor, not by hand.')
  })
})
