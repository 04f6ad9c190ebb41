import { rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import {
  type ActionRecord,
  type Digest,
  defineOperation,
  type Job,
  openSource,
  type RunEvent,
  WorkerLostError,
} from '@isthmus/dataflow'
import {
  DirectoryTier,
  echo,
  fail,
  measure,
  ofType,
  roll,
  runDummies,
  temporaryCache,
  temporaryDirectory,
  wait,
  writeText,
} from '@isthmus/dataflow/executor-contract'
import { UserError } from '@isthmus/tensor'
import { Worker } from 'bullmq'
import { Redis } from 'ioredis'
import { describe, expect, it, onTestFinished, vi } from 'vitest'
import { bullmqExecutor, countJobs, drainQueue, parseResourceClasses, resourceClassOf } from '../src/index.ts'
import { type Lab, labs, overriding } from './lab.ts'

const makeLab = labs()

/** A worker that takes one job and is never heard of again. */
async function deadWorker({ address: { queue, prefix = '' } }: Lab): Promise<{ readonly labels: string[] }> {
  const labels: string[] = []
  const connection = new Redis(queue, { maxRetriesPerRequest: null })
  const never = new Worker<{ job: Job }>(
    'cpu',
    (job) => {
      labels.push(job.data.job.label)
      return new Promise(() => undefined)
    },
    { connection, prefix, lockDuration: 300, skipLockRenewal: true, skipStalledCheck: true },
  )
  onTestFinished(async () => {
    await never.close(true)
    connection.disconnect()
  })
  await vi.waitFor(() => expect(labels).toHaveLength(1), 5000)
  return { labels }
}

describe('the address of a queue', () => {
  const tier = async () => new DirectoryTier(await temporaryCache())

  it('is refused when it is none, and when nothing answers there, without its password', async () => {
    await expect(bullmqExecutor({ queue: 'lab:6379', tier: await tier() })).rejects.toThrow(
      "The queue 'lab:6379' is not the address of a Redis server: name one such as redis://lab:6379 (rediss:// for TLS).",
    )
    const absent = bullmqExecutor({ queue: 'redis://me:secret@127.0.0.1:1', tier: await tier() })
    await expect(absent).rejects.toThrow(UserError)
    await expect(absent).rejects.toThrow(
      'The queue redis://127.0.0.1:1 cannot be reached (ECONNREFUSED): start Redis there, or name the server that has it.',
    )
  })
})

describe('resource classes', () => {
  it('sends a job to machines by what it costs', () => {
    expect(resourceClassOf({})).toBe('cpu')
    expect(resourceClassOf({ memoryBytes: 2 ** 30 })).toBe('cpu')
    expect(resourceClassOf({ memoryBytes: 2 ** 35 })).toBe('large-memory')
    expect(parseResourceClasses(['cpu'])).toEqual(['cpu'])
    expect(() => parseResourceClasses(['gpu'])).toThrow(
      "There is no class of machines 'gpu': the classes are large-memory, cpu.",
    )
  })

  it('keeps a job of a class waiting for a machine of that class, and says that there is none', async () => {
    const lab = await makeLab()
    await lab.work({ classes: ['cpu'] })
    const { executor, cache, events } = await lab.join()
    const large = defineOperation({ ...echo, cost: () => ({ memoryBytes: 2 ** 35 }) }).node({}, { say: 'large' })
    const small = echo.node({}, { say: 'small' })
    const running = runDummies(cache, [small, large], { executor })
    await vi.waitFor(
      () => expect(events).toContainEqual({ type: 'no-workers', class: 'large-memory', waiting: 1 }),
      5000,
    )
    const counts = {
      cpu: { waiting: 0, running: 0, failed: 0, workers: 1 },
      'large-memory': { waiting: 1, running: 0, failed: 0, workers: 0 },
    }
    await vi.waitFor(async () => expect(await countJobs(lab.address)).toEqual(counts), 5000)
    await lab.work({ classes: ['large-memory'] })
    expect((await running).result.counts).toMatchObject({ ran: 2 })
  })
})

describe('bullmqExecutor and serveQueue', () => {
  it('computes once what two runs want at the same time', async () => {
    const lab = await makeLab()
    const worker = await lab.work()
    const runs = await Promise.all([lab.join(), lab.join()])
    const target = wait.node({}, { name: 'shared', milliseconds: 1000 })
    const results = await Promise.all(runs.map(({ cache, executor }) => runDummies(cache, [target], { executor })))
    expect(results.map(({ result }) => result.artifact(target).value)).toEqual(['shared', 'shared'])
    expect(worker.events.filter(({ type }) => type === 'started')).toHaveLength(1)
  })

  it('goes on for the other run when one of two is interrupted', async () => {
    const lab = await makeLab()
    const [first, second] = await Promise.all([lab.join(), lab.join()])
    const target = wait.node({}, { name: 'shared', milliseconds: 700 })
    const interrupt = new AbortController()
    let started = 0
    const onEvent = ({ type }: RunEvent) => {
      if (type === 'started') started += 1
    }
    const interrupted = runDummies(first.cache, [target], {
      executor: first.executor,
      signal: interrupt.signal,
      onEvent: (event) => {
        onEvent(event)
        if (event.type === 'progress') interrupt.abort()
      },
    })
    const other = runDummies(second.cache, [target], { executor: second.executor, onEvent })
    await vi.waitFor(() => expect(started).toBe(2), 5000)
    await vi.waitFor(async () => expect((await countJobs(lab.address)).cpu.waiting).toBe(1), 5000)
    await lab.work()
    expect((await interrupted).result.interrupted).toBe(true)
    expect((await other).result.artifact(target).value).toBe('shared')
    expect(second.events.filter(({ type }) => type === 'added-again').length).toBeGreaterThanOrEqual(1)
  })

  it('gives the tier the files of the user, and the queue no path of them', async () => {
    const lab = await makeLab()
    const { executor, cache } = await lab.join()
    const path = join(temporaryDirectory(), 'private-name.txt')
    writeFileSync(path, 'text')
    const source = await openSource(cache, { text: path }, { length: 4 })
    const running = runDummies(cache, [measure.node({ of: source }, {})], { executor })
    const redis = new Redis(lab.address.queue)
    const stored = await vi.waitFor(async () => {
      const [key] = (await redis.keys(`${lab.address.prefix}:cpu:*`)).filter((name) => /[0-9a-f]{64}$/.test(name))
      return redis.hget(key!, 'data').then((data) => data ?? expect.fail('not there yet'))
    }, 5000)
    redis.disconnect()
    expect(stored).toContain(source.artifact.blobs.text!)
    expect(stored).not.toContain('private-name')
    expect(lab.team.blobs.has(source.artifact.blobs.text!)).toBe(true)
    await lab.work()
    expect((await running).result.counts).toMatchObject({ ran: 1 })
  })

  it('takes lower numbers first', async () => {
    const lab = await makeLab()
    const urgent = await lab.join({ priority: 1 })
    const patient = await lab.join({ priority: 5 })
    const later = [1, 2, 3].map((say) => echo.node({}, { say }, { label: 'later' }))
    const first = [4, 5].map((say) => echo.node({}, { say }, { label: 'first' }))
    const running = [runDummies(patient.cache, later, { executor: patient.executor })]
    await vi.waitFor(async () => expect((await countJobs(lab.address)).cpu.waiting).toBe(3), 5000)
    running.push(runDummies(urgent.cache, first, { executor: urgent.executor }))
    await vi.waitFor(async () => expect((await countJobs(lab.address)).cpu.waiting).toBe(5), 5000)
    const worker = await lab.work({ concurrency: 1 })
    await Promise.all(running)
    const labels = worker.events.flatMap((event) => (event.type === 'started' ? [event.job.label] : []))
    expect(labels).toEqual(['first', 'first', 'later', 'later', 'later'])
  })

  it('removes what waits when it is drained, and tells the runs', async () => {
    const lab = await makeLab()
    const { executor, cache } = await lab.join()
    const running = runDummies(
      cache,
      [1, 2].map((say) => echo.node({}, { say }, { label: `echo ${say}` })),
      { executor },
    )
    await vi.waitFor(async () => expect((await countJobs(lab.address)).cpu.waiting).toBe(2), 5000)
    expect(await drainQueue(lab.address)).toBe(2)
    const { result } = await running
    expect(result.failures.map(({ error }) => error.message)).toContain(
      "'echo 1' was removed from the queue by somebody who emptied it: run it again.",
    )
    expect(await drainQueue(lab.address)).toBe(0)
  })

  it('forgets jobs that wait when their run is interrupted', async () => {
    const lab = await makeLab()
    const { executor, cache } = await lab.join()
    const interrupt = new AbortController()
    const targets = [1, 2, 3].map((say) => echo.node({}, { say }))
    const running = runDummies(cache, targets, { executor, signal: interrupt.signal })
    await vi.waitFor(async () => expect((await countJobs(lab.address)).cpu.waiting).toBe(3), 5000)
    interrupt.abort()
    await running
    await vi.waitFor(async () => expect((await countJobs(lab.address)).cpu.waiting).toBe(0), 5000)
  })

  it('hands back what does not end in time when it is to stop, for another worker', async () => {
    const lab = await makeLab()
    const first = await lab.work({ stopSeconds: 0.1 })
    const { executor, cache } = await lab.join()
    const target = wait.node({}, { name: 'long', milliseconds: 1500 })
    const running = runDummies(cache, [target], { executor })
    await vi.waitFor(() => expect(first.events.map(({ type }) => type)).toContain('started'), 5000)
    await first.stop()
    expect(first.events.map(({ type }) => type)).toEqual(['ready', 'started', 'stopping', 'handed-back'])
    const second = await lab.work()
    expect((await running).result.artifact(target).value).toBe('long')
    expect(second.events.map(({ type }) => type)).toEqual(['ready', 'started', 'finished'])
  })

  it('lets a job end that ends in time', async () => {
    const lab = await makeLab()
    const worker = await lab.work({ stopSeconds: 30 })
    const { executor, cache } = await lab.join()
    const running = runDummies(cache, [wait.node({}, { name: 'short', milliseconds: 400 })], { executor })
    await vi.waitFor(() => expect(worker.events.map(({ type }) => type)).toContain('started'), 5000)
    await worker.stop()
    expect((await running).result.counts).toMatchObject({ ran: 1 })
  })

  it('does not try again what the operation threw, and tries again when it is run again', async () => {
    const lab = await makeLab()
    const worker = await lab.work()
    const { executor, cache } = await lab.join()
    const target = fail.node({}, { message: 'no such layer', isUserError: true })
    for (const round of [1, 2]) {
      const { result } = await runDummies(cache, [target], { executor })
      expect(result.failures.map(({ error }) => error.message)).toEqual(['no such layer'])
      expect(worker.events.filter(({ type }) => type === 'started')).toHaveLength(round)
    }
  })

  it('tries again when the machine was at fault, and keeps every cause', async () => {
    const lab = await makeLab()
    let tries = 0
    const executor = {
      slots: 1,
      close: async () => undefined,
      execute: async () => {
        tries += 1
        throw new WorkerLostError(`lost for the ${tries}. time`)
      },
    }
    await lab.work({ executor, name: 'node-1' })
    const run = await lab.join({ attempts: 2 })
    const { result } = await runDummies(run.cache, [echo.node({}, { say: 1 })], { executor: run.executor })
    const { error } = result.failures[0]!
    expect(error).toBeInstanceOf(WorkerLostError)
    expect(error.message).toBe('lost for the 2. time')
    expect((error.cause as Error).message).toMatch(/^It failed before, on node-1 at .*: lost for the 1\. time$/)
  })

  it('says that workers were lost when a job has lost too many', async () => {
    const lab = await makeLab()
    const { executor, cache } = await lab.join()
    const running = runDummies(cache, [echo.node({}, { say: 1 }, { label: 'deadly' })], { executor })
    const taken = await deadWorker(lab)
    await lab.work({ lockSeconds: 0.3, maximumLosses: 0 })
    const { result } = await running
    expect(taken.labels).toEqual(['deadly'])
    expect(result.failures[0]?.error).toBeInstanceOf(WorkerLostError)
    expect(result.failures[0]?.error.message).toMatch(/^The worker that took 'deadly' was lost/)
  })

  it('has computed again what the tier said to have, and lacks', async () => {
    const lab = await makeLab()
    const worker = await lab.work()
    const first = await lab.join()
    const text = writeText.node({}, { text: 'lost' })
    const { result: before } = await runDummies(first.cache, [text], { executor: first.executor })
    await worker.stop()
    await lab.work()
    const lookups: (readonly Digest[])[] = []
    const lookup = async (keys: readonly Digest[]) => {
      const records = await lab.tier.lookup(keys)
      if (lookups.push(keys) === 1) rmSync(lab.team.blobs.locate(before.artifact(text).blobs.text!))
      return records
    }
    const later = await lab.join({ attempts: 1, tier: overriding(lab.tier, { lookup }) })
    const length = measure.node({ of: text }, {})
    const { result, events } = await runDummies(later.cache, [length], { executor: later.executor })
    expect(result.artifact(length).value).toBe(4)
    expect(ofType(events, 'corrupt').map(({ node }) => node)).toEqual([text])
  })

  it.each([
    ['a key of something else', (job: Job) => ({ ...job, params: { say: 'poison' } }), /key is not that of what/],
    ['a digest that is a path', (job: Job) => ({ ...job, key: '../../etc' }), /no job/],
  ])('does not run a job that came with %s', async (_name, spoil, message) => {
    const lab = await makeLab()
    const { executor, cache } = await lab.join()
    const interrupt = new AbortController()
    const running = runDummies(cache, [echo.node({}, { say: 1 })], { executor, signal: interrupt.signal })
    await vi.waitFor(async () => expect((await countJobs(lab.address)).cpu.waiting).toBe(1), 5000)
    const redis = new Redis(lab.address.queue)
    const [name] = (await redis.keys(`${lab.address.prefix}:cpu:*`)).filter((key) => /[0-9a-f]{64}$/.test(key))
    const data = JSON.parse((await redis.hget(name!, 'data'))!) as { job: Job }
    await redis.hset(name!, 'data', JSON.stringify({ ...data, job: spoil(data.job) }))
    redis.disconnect()
    const worker = await lab.work()
    const { result } = await running
    expect(result.failures[0]?.error.message).toMatch(message)
    expect(worker.events.map(({ type }) => type)).not.toContain('started')
    expect([...lab.team.records()]).toEqual([])
  })

  it('waits for a tier that is away, and computes nothing twice for it', async () => {
    const lab = await makeLab()
    let refusals = 3
    const publish = (record: ActionRecord) => {
      refusals -= 1
      return refusals >= 0 ? Promise.reject(new Error('the server is away')) : lab.tier.publish(record)
    }
    const tier = overriding(lab.tier, { publish })
    const worker = await lab.work({ tier })
    const { executor, cache } = await lab.join()
    const { result } = await runDummies(cache, [writeText.node({}, { text: 'kept' })], { executor })
    expect(result.counts).toMatchObject({ ran: 1, failed: 0 })
    expect(worker.events.filter(({ type }) => type === 'failed')).toEqual([])
    expect(refusals).toBe(-1)
  })

  it('takes the first value of a key where another is published, and tells of it', async () => {
    const lab = await makeLab()
    const target = roll.node({}, {})
    const publish = async (record: ActionRecord) => {
      const first = { ...record, output: { ...record.output, digest: 'f'.repeat(64) as Digest, value: { number: 7 } } }
      await lab.tier.publish(first)
      return lab.tier.publish(record)
    }
    const worker = await lab.work({ tier: overriding(lab.tier, { publish }) })
    const { executor, cache } = await lab.join()
    const { result } = await runDummies(cache, [target], { executor })
    expect(result.artifact(target).value).toEqual({ number: 7 })
    expect(worker.events.map(({ type }) => type)).toContain('disagreement')
  })

  it('says what may be wrong when the tier never shows what was done', async () => {
    const lab = await makeLab()
    await lab.work()
    const elsewhere = new DirectoryTier(await temporaryCache())
    const { executor, cache } = await lab.join({ tier: elsewhere })
    const { result } = await runDummies(cache, [echo.node({}, { say: 1 }, { label: 'unseen' })], { executor })
    expect(result.failures[0]?.error.message).toBe(
      "A worker says that 'unseen' is done, but the team does not give its result: give the run and its workers the " +
        'same server, and let the run trust who started the workers.',
    )
  })
})
