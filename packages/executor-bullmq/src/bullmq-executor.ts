import { setTimeout as sleep } from 'node:timers/promises'
import type { ActionRecord, Digest, Executor, Job, JobHooks, JobResult, WritableTier } from '@isthmus/dataflow'
import { UserError } from '@isthmus/tensor'
import { QueueEvents } from 'bullmq'
import { connectQueue, type JobNotice, type QueueAddress, type QueueConnection, queueName } from './queue-connection.ts'
import { cancelledReason, type JobQueue, jobError, openJobQueue, type QueuedProgress } from './queued-job.ts'
import { type ResourceClass, resourceClasses, resourceClassOf } from './resource-class.ts'
import { SourceUploads } from './source-uploads.ts'

/** What a run learns of its queue, beside what becomes of its jobs. */
export type QueueRunEvent =
  | { readonly type: 'unreachable'; readonly what: string; readonly error: Error }
  /** The queue had lost a job, which was added again. */
  | { readonly type: 'added-again'; readonly label: string; readonly key: Digest }
  /** Jobs wait for machines of a class, and there are none. */
  | { readonly type: 'no-workers'; readonly class: ResourceClass; readonly waiting: number }

/** How jobs are given to a queue. */
export interface BullmqExecutorOptions extends QueueAddress {
  /** Where inputs are read from and results are found: that of the run's cache, and of the workers. */
  readonly tier: WritableTier
  /** Jobs that wait or run at once. Default 1000. */
  readonly slots?: number
  /** Jobs with lower numbers go first, 0 to 2097151. Default 0. */
  readonly priority?: number
  /** Tries at a job whose machine fails it: a process that is killed, a full disk, a blob that cannot be had. What an
   *  operation throws is final. Default 4, with a second, two, then four between them.
   */
  readonly attempts?: number
  /** Between two looks at what has become of the jobs, beside what the queue tells. Default 5. */
  readonly checkSeconds?: number
  readonly onEvent?: (event: QueueRunEvent) => void
}

interface Waiting {
  readonly job: Job
  readonly hooks: JobHooks
  readonly class: ResourceClass
  readonly resolve: (result: JobResult) => void
  readonly reject: (error: Error) => void
  /** Whether the queue was given it: before that, it is not missed there. */
  isAdded: boolean
  /** How often the tier did not have what the queue says was done. */
  misses: number
}

const failedJobSeconds = 24 * 3600
const retryMilliseconds = 1000
const firstMissMilliseconds = 200
const maximumMisses = 6
const closeMilliseconds = 2000
const statesAtOnce = 500

/** Run jobs on the machines that take them from a queue in Redis.
 *
 *  A job's id is its action key: the same work of two runs is one job. The queue holds what is to be done and nothing
 *  that was: results are read from the tier. So nothing is lost with the server of the queue; jobs that it does not
 *  know any more, and the tier neither, are added again.
 *  @throws {UserError} when the queue cannot be reached.
 */
export async function bullmqExecutor(options: BullmqExecutorOptions): Promise<Executor> {
  const what = queueName(options.queue)
  const connection = await connectQueue(options, (error) => options.onEvent?.({ type: 'unreachable', what, error }))
  const executor = new QueueExecutor(connection, options)
  await executor.begin()
  return executor
}

class QueueExecutor implements Executor {
  readonly isRemote = true
  readonly slots: number
  readonly #options: BullmqExecutorOptions
  readonly #connection: QueueConnection
  readonly #tier: WritableTier
  readonly #sources: SourceUploads
  readonly #queues: ReadonlyMap<ResourceClass, JobQueue>
  readonly #events: readonly QueueEvents[]
  readonly #waiting = new Map<Digest, Set<Waiting>>()
  /** Keys that are said to be done. */
  #done = new Set<Digest>()
  #collecting: Promise<void> | undefined
  readonly #background = new Set<Promise<void>>()
  readonly #timer: NodeJS.Timeout
  #checking: Promise<void> | undefined
  #heard = false
  #closed = false

  constructor(connection: QueueConnection, options: BullmqExecutorOptions) {
    this.#connection = connection
    this.#options = options
    this.#tier = options.tier
    this.#sources = new SourceUploads(options.tier)
    this.slots = options.slots ?? 1000
    this.#queues = new Map(resourceClasses.map((name) => [name, openJobQueue(connection, name)]))
    this.#events = resourceClasses.map((name) => this.#follow(name))
    for (const queue of this.#queues.values()) queue.on('error', () => undefined)
    this.#timer = setInterval(() => this.#check(), (options.checkSeconds ?? 5) * 1000)
    this.#timer.unref()
    connection.redis.on('ready', () => this.#check())
  }

  async begin(): Promise<void> {
    await Promise.all([
      ...this.#events.map((events) => events.waitUntilReady()),
      this.#connection.listen((notice) => this.#receive(notice)),
    ])
  }

  async execute(job: Job, hooks: JobHooks): Promise<JobResult> {
    if (this.#closed) throw new Error('The executor of the queue is closed: make a new one.')
    hooks.signal.throwIfAborted()
    let waiting: Waiting | undefined
    const result = new Promise<JobResult>((resolve, reject) => {
      const ofClass = resourceClassOf(job.cost)
      waiting = { job, hooks, class: ofClass, resolve, reject, isAdded: false, misses: 0 }
      this.#register(waiting)
    })
    const abort = () => waiting!.reject(asError(hooks.signal.reason))
    hooks.signal.addEventListener('abort', abort, { once: true })
    try {
      this.#inBackground(this.#give(waiting!))
      return await result
    } finally {
      hooks.signal.removeEventListener('abort', abort)
      this.#unregister(waiting!)
    }
  }

  async close(): Promise<void> {
    if (this.#closed) return
    this.#closed = true
    clearInterval(this.#timer)
    const error = new Error('The executor of the queue was closed.')
    this.#rejectAll(error)
    for (const waiting of this.#allWaiting()) this.#unregister(waiting)
    const ended = Promise.allSettled(this.#background)
    await Promise.race([ended, sleep(closeMilliseconds, undefined, { ref: false })])
    const closing = Promise.allSettled([...this.#events, ...this.#queues.values()].map((each) => each.close()))
    await Promise.race([closing, sleep(closeMilliseconds, undefined, { ref: false })])
    this.#connection.close()
  }

  #follow(name: ResourceClass): QueueEvents {
    const { redis, prefix } = this.#connection
    const events = new QueueEvents(name, { connection: redis, prefix })
    events.on('error', () => undefined)
    events.on('completed', ({ jobId }) => this.#collect(jobId as Digest))
    events.on('failed', ({ jobId }) => {
      this.#heard = true
      for (const waiting of this.#of(jobId as Digest).slice(0, 1)) this.#inBackground(this.#fail(waiting))
    })
    events.on('progress', ({ jobId, data }) => {
      this.#heard = true
      const { done, total } = data as QueuedProgress
      for (const { hooks } of this.#of(jobId as Digest)) hooks.progress(done, total)
    })
    return events
  }

  #register(waiting: Waiting): void {
    const { key } = waiting.job
    const others = this.#waiting.get(key) ?? new Set()
    others.add(waiting)
    this.#waiting.set(key, others)
  }

  /** Stop waiting; a job that nobody here waits for any more, and has not ended, is cancelled. */
  #unregister(waiting: Waiting): void {
    const { key } = waiting.job
    const all = this.#waiting.get(key)
    if (!all?.delete(waiting) || all.size > 0) return
    this.#waiting.delete(key)
    if (waiting.hooks.signal.aborted || this.#closed) this.#inBackground(this.#cancel(waiting))
  }

  #of(key: Digest): readonly Waiting[] {
    return [...(this.#waiting.get(key) ?? [])]
  }

  #allWaiting(): Waiting[] {
    return [...this.#waiting.values()].flatMap((set) => [...set])
  }

  #rejectAll(error: Error): void {
    for (const { reject } of this.#allWaiting()) reject(error)
  }

  /** Give the queue a job, and the tier the files of the user that it reads. */
  async #give(waiting: Waiting): Promise<void> {
    try {
      await this.#sources.upload(waiting.job)
      if (!this.#isWanted(waiting)) return
      await this.#add(waiting)
      waiting.isAdded = true
      if (!this.#isWanted(waiting) && this.#of(waiting.job.key).length === 0) await this.#cancel(waiting)
    } catch (error) {
      waiting.reject(asError(error))
    }
  }

  #isWanted(waiting: Waiting): boolean {
    return this.#waiting.get(waiting.job.key)?.has(waiting) ?? false
  }

  async #add({ job, class: ofClass }: Waiting): Promise<void> {
    const queue = this.#queues.get(ofClass)!
    const { priority = 0, attempts = 4 } = this.#options
    if (['failed', 'completed'].includes(await queue.getJobState(job.key))) await queue.remove(job.key)
    const data = { job: this.#sources.withoutFiles(job), failures: [] }
    await queue.add(job.operation, data, {
      jobId: job.key,
      priority,
      attempts,
      backoff: { type: 'exponential', delay: retryMilliseconds },
      removeOnComplete: true,
      removeOnFail: { age: failedJobSeconds },
    })
  }

  /** Remove a job that waits, and tell whoever runs it to stop. */
  async #cancel({ job, class: ofClass }: Waiting): Promise<void> {
    const removed = await this.#queues.get(ofClass)!.remove(job.key)
    if (removed === 0) await this.#connection.notify([{ type: 'cancel', key: job.key }])
  }

  #receive(notice: JobNotice): void {
    if (notice.type !== 'drained') return
    for (const { job, reject } of this.#of(notice.key as Digest)) {
      reject(new UserError(`'${job.label}' was removed from the queue by somebody who emptied it: run it again.`))
    }
  }

  /** Read from the tier what is said to be done, all that comes up within a moment at once. */
  #collect(key: Digest): void {
    this.#heard = true
    if (!this.#waiting.has(key)) return
    this.#done.add(key)
    this.#collecting ??= sleep(10)
      .then(async () => {
        const keys = this.#done
        this.#done = new Set()
        this.#collecting = undefined
        const records = await this.#lookup([...keys])
        for (const key of keys) {
          const record = records?.get(key)
          if (record === undefined) this.#miss(key, records !== undefined)
          else this.#finish(key, record)
        }
      })
      .catch((error) => this.#rejectAll(asError(error)))
  }

  /** The records of keys; undefined when the tier cannot be asked now.
   *
   *  @throws {UserError} when it refuses to be asked.
   */
  async #lookup(keys: readonly Digest[]): Promise<ReadonlyMap<Digest, ActionRecord> | undefined> {
    try {
      return await this.#tier.lookup(keys)
    } catch (error) {
      if (error instanceof UserError) throw error
      this.#options.onEvent?.({ type: 'unreachable', what: this.#tier.name, error: asError(error) })
      return undefined
    }
  }

  #finish(key: Digest, { output, seconds, peakMemoryBytes }: ActionRecord): void {
    const { value, blobs } = output
    const result = { value, blobs, seconds, ...(peakMemoryBytes !== undefined && { peakMemoryBytes }) }
    for (const { resolve } of this.#of(key)) resolve(result)
  }

  #miss(key: Digest, wasAsked: boolean): void {
    const all = this.#of(key)
    if (all.length === 0) return
    for (const waiting of all) {
      if (wasAsked) waiting.misses += 1
      if (waiting.misses >= maximumMisses) waiting.reject(new UserError(this.#missMessage(waiting)))
    }
    const pause = firstMissMilliseconds * 2 ** all[0]!.misses
    setTimeout(() => this.#collect(key), pause).unref()
  }

  #missMessage({ job }: Waiting): string {
    return (
      `A worker says that '${job.label}' is done, but ${this.#tier.name} does not give its result: give the run and ` +
      'its workers the same server, and let the run trust who started the workers.'
    )
  }

  async #fail(waiting: Waiting): Promise<void> {
    const { key } = waiting.job
    const job = await this.#queues.get(waiting.class)!.getJob(key)
    if (job === undefined || !(await job.isFailed())) return
    if (job.failedReason === cancelledReason) {
      await this.#addAgain(this.#of(key))
      return
    }
    for (const { reject } of this.#of(key)) reject(jobError(job))
  }

  async #addAgain(all: readonly Waiting[]): Promise<void> {
    const [waiting] = all
    if (waiting === undefined) return
    await this.#add(waiting)
    this.#options.onEvent?.({ type: 'added-again', label: waiting.job.label, key: waiting.job.key })
  }

  /** See what has become of all jobs: events are missed while the queue is away, and it may come back empty. */
  #check(): void {
    if (this.#closed || this.#checking !== undefined) return
    this.#checking = this.#checkAll()
      .catch((error) => {
        if (error instanceof UserError) this.#rejectAll(error)
        else this.#options.onEvent?.({ type: 'unreachable', what: this.#connection.name, error })
      })
      .finally(() => {
        this.#checking = undefined
      })
    this.#inBackground(this.#checking)
  }

  async #checkAll(): Promise<void> {
    const added = this.#allWaiting().filter(({ isAdded }) => isAdded)
    const unknown: Waiting[] = []
    for (let i = 0; i < added.length; i += statesAtOnce) {
      const some = added.slice(i, i + statesAtOnce)
      const states = await Promise.all(some.map(({ job, class: of }) => this.#queues.get(of)!.getJobState(job.key)))
      for (const [j, state] of states.entries()) {
        if (state === 'unknown') unknown.push(some[j]!)
        else if (state === 'completed') this.#collect(some[j]!.job.key)
        else if (state === 'failed') await this.#fail(some[j]!)
      }
    }
    await this.#recover(unknown)
    if (!this.#heard && added.length > 0) await this.#noticeWorkers()
    this.#heard = false
  }

  /** Finish what the queue does not know and the tier has, and add the rest again. */
  async #recover(unknown: readonly Waiting[]): Promise<void> {
    if (unknown.length === 0) return
    const records = await this.#lookup(unknown.map(({ job }) => job.key))
    if (records === undefined) return
    for (const waiting of unknown) {
      const { key } = waiting.job
      const record = records.get(key)
      if (record !== undefined) this.#finish(key, record)
      else if (this.#isWanted(waiting)) await this.#addAgain([waiting])
    }
  }

  async #noticeWorkers(): Promise<void> {
    for (const [ofClass, queue] of this.#queues) {
      const waiting = this.#allWaiting().filter((each) => each.class === ofClass).length
      if (waiting > 0 && (await queue.getWorkersCount()) === 0) {
        this.#options.onEvent?.({ type: 'no-workers', class: ofClass, waiting })
      }
    }
  }

  #inBackground(work: Promise<void>): void {
    const quiet = work.catch(() => undefined).finally(() => this.#background.delete(quiet))
    this.#background.add(quiet)
  }
}

function asError(thrown: unknown): Error {
  return thrown instanceof Error ? thrown : new Error(String(thrown))
}
