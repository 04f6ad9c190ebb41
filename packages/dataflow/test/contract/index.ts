import { hash } from 'node:crypto'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { UserError } from '@isthmus/tensor'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { z } from 'zod'
import {
  type Cache,
  type Executor,
  type Job,
  type Json,
  nodeKey,
  openSource,
  WorkerLostError,
} from '../../src/index.ts'
import { concatenate, die, echo, fail, measure, report, wait, writeText } from '../dummy-operations.ts'
import { ofType, runDummies, temporaryDirectory } from '../temporary-cache.ts'
import { testProgram } from '../test-program.ts'

export { DirectoryTier } from '../directory-tier.ts'
export * from '../dummy-operations.ts'
export { ofType, runDummies, temporaryCache, temporaryDirectory } from '../temporary-cache.ts'

/** The program that serves the dummy operations in a process of a pool, and how it is started. */
export const dummyWorker = { workerModule: testProgram('worker'), execArgv: ['--enable-source-maps'] }

/** An executor of the dummy operations, and the cache of the runs that it is for. */
export interface ExecutorBench {
  readonly cache: Cache
  readonly executor: Executor
}

/** What an executor that is tested can be asked for. */
export interface BenchOptions {
  /** Jobs at once. */
  readonly slots: number
  /** How long an aborted job has to end by itself. */
  readonly abortSeconds: number
}

/** How an executor is tested. */
export interface ContractOptions {
  /** Make one with an empty cache; both end with the test (`onTestFinished`). */
  make(options: BenchOptions): Promise<ExecutorBench>
  /** Whether operations run in processes of their own, which may be killed. */
  readonly isolates: boolean
}

/** Define the tests that every executor passes, for one of them.
 *
 *      executorContract('in process', { isolates: false, make: async ({ slots }) => … })
 *
 *  What comes out is what the operation returned and wrote, wherever it ran; errors stay what they are; what is told
 *  to stop stops; a lost process costs one more try and then says so.
 */
export function executorContract(name: string, { make, isolates }: ContractOptions): void {
  const bench = (options: Partial<BenchOptions> = {}) => make({ slots: 2, abortSeconds: 5, ...options })

  describe(`the executor contract: ${name}`, () => {
    it('returns values and blobs, hands them to what needs them, and reports progress', async () => {
      const { cache, executor } = await bench()
      const parts = ['one', 'two'].map((text) => writeText.node({}, { text }))
      const joined = concatenate.node({ parts }, { separator: '+' })
      const length = measure.node({ of: joined }, {})
      const { result, events } = await runDummies(cache, [length], { executor })
      expect(result.failures).toEqual([])
      expect(result.artifact(length).value).toBe(7)
      expect(result.artifact(joined)).toMatchObject({
        value: { length: 7 },
        blobs: { text: hash('sha256', 'one+two') },
      })
      expect(readFileSync(await result.artifact(joined).path('text'), 'utf8')).toBe('one+two')
      expect(ofType(events, 'progress').filter(({ node }) => node === joined)).toEqual([
        { type: 'progress', node: joined, done: 1, total: 1 },
      ])
      const again = await runDummies(cache, [length], { executor })
      expect(again.result.counts).toMatchObject({ cached: 4, ran: 0 })
    })

    it('carries params and values as they are', async () => {
      const { cache, executor } = await bench()
      const said = fc.sample(fc.jsonValue({ maxDepth: 3 }), { numRuns: 10, seed: 1 }) as z.core.util.JSONType[]
      const targets = said.map((say) => echo.node({}, { say }))
      const { result } = await runDummies(cache, targets, { executor })
      expect(result.failures).toEqual([])
      for (const node of targets) expect(result.artifact(node).value).toEqual((node.params as Record<string, Json>).say)
    })

    it('gives operations the files of the user', async () => {
      const { cache, executor } = await bench()
      const path = join(temporaryDirectory(), 'corpus.txt')
      writeFileSync(path, 'nobody computed this')
      const source = await openSource(cache, { text: path }, { length: 20 })
      const length = measure.node({ of: source }, {})
      const { result } = await runDummies(cache, [length], { executor })
      expect(result.failures).toEqual([])
      expect(result.artifact(length).value).toBe(20)
    })

    it('runs a job whatever memory it costs', async () => {
      const { executor } = await bench()
      const cost = { memoryBytes: 2 ** 36, cpuSeconds: 0.001 }
      const result = await execute(executor, jobOf('dummy.echo', { params: { say: 'large' }, cost }))
      expect(result).toMatchObject({ value: 'large', blobs: {} })
    })

    it('keeps what an error is, with its cause', async () => {
      const { cache, executor } = await bench()
      const targets = [
        fail.node({}, { message: 'the file a.txt is empty: fill it', isUserError: true, cause: 'no text' }),
        fail.node({}, { message: 'index out of range' }),
      ]
      const { result } = await runDummies(cache, targets, { executor })
      const [user, bug] = targets.map((node) => result.failures.find((failure) => failure.node === node)!.error)
      expect(user).toBeInstanceOf(UserError)
      expect(user?.message).toBe('the file a.txt is empty: fill it')
      expect(user?.cause).toMatchObject({ name: 'TypeError', message: 'no text' })
      expect(bug).not.toBeInstanceOf(UserError)
      expect([bug?.name, bug?.message, bug?.cause]).toEqual(['RangeError', 'index out of range', undefined])
      expect(bug?.stack).toContain('dummy-operations.ts')
    })

    it('says which operation or version is not known where the job runs', async () => {
      const { executor } = await bench()
      await expect(execute(executor, jobOf('dummy.unknown'))).rejects.toThrow(
        "needs operation 'dummy.unknown' version 1, but the process that should run it does not know it",
      )
      await expect(execute(executor, jobOf('dummy.echo', { version: 7 }))).rejects.toThrow(
        "needs operation 'dummy.echo' version 7, but the process that should run it has version 1",
      )
    })

    it('tells jobs to abort, forgets those that have not begun, and goes on with others', async () => {
      const { cache, executor } = await bench({ slots: 2, abortSeconds: 60 })
      const interrupt = new AbortController()
      const targets = ['a', 'b', 'c', 'd', 'e', 'f'].map((name) => wait.node({}, { name, milliseconds: 600_000 }))
      const { result } = await runDummies(cache, targets, {
        executor,
        signal: interrupt.signal,
        onEvent: ({ type }) => {
          if (type === 'progress') interrupt.abort()
        },
      })
      expect(result.interrupted).toBe(true)
      expect(result.counts).toMatchObject({ failed: 0, interrupted: 6 })
      const after = [0, 1, 2].map((say) => echo.node({}, { say }))
      const later = await runDummies(cache, after, { executor })
      expect(later.result.counts).toMatchObject({ ran: 3, failed: 0 })
    })

    it('throws the reason of a signal that was aborted before', async () => {
      const { executor } = await bench()
      const reason = new Error('never mind')
      await expect(execute(executor, jobOf('dummy.echo'), AbortSignal.abort(reason))).rejects.toBe(reason)
    })

    it('ends what runs when it is closed, and takes nothing more', async () => {
      const { executor } = await bench({ abortSeconds: 1 })
      const job = jobOf('dummy.wait', { params: { name: 'long', milliseconds: 600_000, deaf: false } })
      const outcomes: Promise<unknown>[] = []
      await new Promise<void>((begun) => {
        const hooks = { signal: new AbortController().signal, progress: () => begun() }
        const running = executor.execute(job, hooks)
        outcomes.push(running.catch((error: unknown) => error))
      })
      await executor.close()
      expect(await outcomes[0]).toBeInstanceOf(Error)
      await expect(execute(executor, jobOf('dummy.echo'))).rejects.toThrow()
    })

    if (!isolates) return

    it('gives a job to another process when one is killed, and in the end says that it was', async () => {
      const { cache, executor } = await bench()
      const marker = join(temporaryDirectory(), 'died')
      const unlucky = die.node({}, { marker, always: false }, { label: 'unlucky' })
      const doomed = die.node({}, { marker: `${marker}-always`, always: true }, { label: 'doomed' })
      const { result } = await runDummies(cache, [unlucky, doomed], { executor })
      expect(result.artifact(unlucky).value).toBe('survived')
      expect(result.failures.map(({ node }) => node)).toEqual([doomed])
      expect(result.failures[0]?.error).toBeInstanceOf(WorkerLostError)
      expect(result.failures[0]?.error.message).toContain('doomed')
    })

    it('runs operations in other processes, and kills those that do not listen', async () => {
      const { cache, executor } = await bench({ abortSeconds: 0.2 })
      const interrupt = new AbortController()
      const deaf = wait.node({}, { name: 'deaf', milliseconds: 600_000, deaf: true })
      const { result } = await runDummies(cache, [deaf], {
        executor,
        signal: interrupt.signal,
        onEvent: ({ type }) => {
          if (type === 'progress') interrupt.abort()
        },
      })
      expect(result.counts).toMatchObject({ failed: 0, interrupted: 1 })
      const pid = report.node({}, { print: 'this goes to stderr' })
      const later = await runDummies(cache, [pid], { executor })
      expect(later.result.artifact(pid).value).not.toBe(process.pid)
    })
  })
}

function jobOf(operation: string, fields: Partial<Job> = {}): Job {
  const job = { label: operation, operation, version: 1, params: { say: 'hello' }, inputs: {}, cost: {}, ...fields }
  return { ...job, key: nodeKey(job.operation, job.version, job.params, {}) }
}

function execute(executor: Executor, job: Job, signal = new AbortController().signal) {
  return executor.execute(job, { signal, progress: () => undefined })
}
