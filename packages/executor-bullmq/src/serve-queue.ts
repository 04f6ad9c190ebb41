import {
  type Cache,
  type Digest,
  type Executor,
  type Job,
  serializeError,
  WorkerLostError,
  type WritableTier,
} from '@isthmus/dataflow'
import { UnrecoverableError, WaitingError, Worker } from 'bullmq'
import { checkedJob } from './checked-job.ts'
import { connectQueue, type JobNotice, type QueueAddress, type QueueConnection } from './queue-connection.ts'
import { cancelledReason, type JobInQueue, type QueuedJob, withFailure, workerName } from './queued-job.ts'
import { type ResourceClass, resourceClasses } from './resource-class.ts'
import { MachineError, runQueuedJob } from './run-queued-job.ts'

/** What a worker does. */
export type WorkerEvent =
  | { readonly type: 'ready'; readonly queue: string; readonly classes: readonly ResourceClass[] }
  | { readonly type: 'started' | 'finished' | 'cancelled' | 'handed-back'; readonly job: Job }
  | { readonly type: 'failed'; readonly job: Job; readonly error: Error; readonly isFinal: boolean }
  /** The tier has another value for the key of a job, which stays. */
  | { readonly type: 'disagreement'; readonly job: Job }
  /** Jobs whose workers were lost, and which wait for others now. */
  | { readonly type: 'recovered'; readonly key: Digest }
  /** The queue, or a command to it, failed; it is tried again. */
  | { readonly type: 'fault'; readonly error: Error }
  | { readonly type: 'stopping'; readonly running: number }

/** How a machine serves a queue. */
export interface ServeQueueOptions extends QueueAddress {
  /** Kinds of jobs it takes. Default: all. */
  readonly classes?: readonly ResourceClass[]
  /** Where results go: what the runs read from. */
  readonly tier: WritableTier
  /** This machine's own, opened with that tier. */
  readonly cache: Cache
  /** Runs the jobs on this machine; its blobs are in that cache. It is not closed. */
  readonly executor: Executor
  /** Jobs of each class at once. Default: the slots of the executor. */
  readonly concurrency?: number
  /** For people. Default: host and process number. */
  readonly name?: string
  /** Ends the service, gracefully. */
  readonly signal: AbortSignal
  readonly onEvent?: (event: WorkerEvent) => void
  /** How long after a worker has died its jobs are still taken to be its own. Default 15. */
  readonly lockSeconds?: number
  /** What running jobs are given to end when the service is to end; then they go back to the queue. Default 30. */
  readonly stopSeconds?: number
  /** How often a job's worker may be lost before the job fails. Default 5. */
  readonly maximumLosses?: number
}

interface Work {
  readonly job: Job
  readonly abort: AbortController
  readonly done: Promise<void>
}

const handedBack = Symbol('handed back')
const cancelled = Symbol('cancelled')
const retryMilliseconds = 1000
const progressMilliseconds = 200
const closeMilliseconds = 5000

/** Take jobs from a queue and run them on this machine, until told to stop.
 *
 *  A job is done once the tier has its blobs and its record; only then does the queue know. A job whose worker dies is
 *  taken over by another when its lock has expired, and counts. When the queue's server is lost, what runs goes on.
 *  @returns When it was told to stop and has stopped: jobs that ended in time are done, the others are in the queue.
 *  @throws {UserError} when the queue cannot be reached at the beginning.
 */
export async function serveQueue(options: ServeQueueOptions): Promise<void> {
  const { onEvent, signal, classes = resourceClasses } = options
  const connection = await connectQueue(options, (error) => onEvent?.({ type: 'fault', error }))
  const service = new QueueService(connection, options)
  try {
    await service.begin(classes)
    if (!signal.aborted) await new Promise((resolve) => signal.addEventListener('abort', resolve, { once: true }))
    await service.stop()
  } finally {
    connection.close()
  }
}

class QueueService {
  readonly #connection: QueueConnection
  readonly #options: ServeQueueOptions
  readonly #name: string
  readonly #works = new Map<Digest, Work>()
  #workers: Worker<QueuedJob, null, string>[] = []

  constructor(connection: QueueConnection, options: ServeQueueOptions) {
    this.#connection = connection
    this.#options = options
    this.#name = options.name ?? workerName()
  }

  async begin(classes: readonly ResourceClass[]): Promise<void> {
    await this.#connection.listen((notice) => this.#receive(notice))
    this.#workers = classes.map((name) => this.#serve(name))
    await Promise.all(this.#workers.map((worker) => worker.waitUntilReady()))
    this.#options.onEvent?.({ type: 'ready', queue: this.#connection.name, classes })
    for (const worker of this.#workers) worker.run().catch((error) => worker.emit('error', error))
  }

  async stop(): Promise<void> {
    this.#options.onEvent?.({ type: 'stopping', running: this.#works.size })
    const stopMilliseconds = (this.#options.stopSeconds ?? 30) * 1000
    const timers = [
      setTimeout(() => this.#abortAll(), stopMilliseconds),
      setTimeout(() => this.#connection.redis.disconnect(), stopMilliseconds + closeMilliseconds),
    ]
    const force = new Promise((resolve) => timers.push(setTimeout(resolve, stopMilliseconds + 2 * closeMilliseconds)))
    await Promise.race([Promise.all(this.#workers.map((worker) => worker.close())), force])
    for (const timer of timers) clearTimeout(timer)
  }

  #serve(name: ResourceClass): Worker<QueuedJob, null, string> {
    const { redis, prefix } = this.#connection
    const { executor, concurrency = executor.slots, lockSeconds = 15, maximumLosses = 5, onEvent } = this.#options
    const worker = new Worker<QueuedJob, null, string>(name, (job, token) => this.#process(job, token), {
      connection: redis,
      prefix,
      autorun: false,
      name: this.#name,
      concurrency,
      lockDuration: Math.ceil(lockSeconds * 1000),
      stalledInterval: Math.ceil((lockSeconds * 1000) / 3),
      maxStalledCount: maximumLosses,
      runRetryDelay: retryMilliseconds,
    })
    worker.on('error', (error) => onEvent?.({ type: 'fault', error }))
    worker.on('stalled', (key) => onEvent?.({ type: 'recovered', key: key as Digest }))
    return worker
  }

  #receive({ type, key }: JobNotice): void {
    if (type === 'cancel') this.#works.get(key as Digest)?.abort.abort(cancelled)
  }

  #abortAll(): void {
    for (const { abort } of this.#works.values()) abort.abort(handedBack)
  }

  async #process(queued: JobInQueue, token: string | undefined): Promise<null> {
    const job = checked(queued.data.job)
    const work = this.#works.get(job.key) ?? this.#begin(job, queued)
    try {
      await work.done
      this.#options.onEvent?.({ type: 'finished', job })
      return null
    } catch (error) {
      throw await this.#outcome(queued, token, work, error)
    }
  }

  /** A job that this process runs already, as when the queue was lost and got it again, is not begun twice. */
  #begin(job: Job, queued: JobInQueue): Work {
    const abort = new AbortController()
    this.#options.onEvent?.({ type: 'started', job })
    const progress = throttled((done, total) => {
      queued.updateProgress({ done, total }).catch(() => undefined)
    })
    const onDisagreement = () => this.#options.onEvent?.({ type: 'disagreement', job })
    const done = runQueuedJob(job, { ...this.#options, onDisagreement }, { progress, signal: abort.signal })
    const work = { job, abort, done: done.finally(() => this.#works.delete(job.key)) }
    this.#works.set(job.key, work)
    return work
  }

  /** What the queue is told of a job that did not end well: an error that BullMQ knows, or one to try again after. */
  async #outcome(queued: JobInQueue, token: string | undefined, { job, abort }: Work, error: unknown): Promise<Error> {
    const { onEvent } = this.#options
    if (abort.signal.reason === handedBack) {
      await queued.moveToWait(token)
      onEvent?.({ type: 'handed-back', job })
      return new WaitingError()
    }
    if (abort.signal.reason === cancelled) {
      onEvent?.({ type: 'cancelled', job })
      return new UnrecoverableError(cancelledReason)
    }
    const cause = error instanceof MachineError ? error.cause : error
    const isFinal = !isOfMachine(error) || queued.attemptsMade + 1 >= (queued.opts.attempts ?? 1)
    onEvent?.({ type: 'failed', job, error: cause as Error, isFinal })
    const data = withFailure(queued.data, cause, this.#name)
    await queued.updateData(data).catch(() => undefined)
    const { message } = serializeError(cause)
    return isOfMachine(error) ? new Error(message) : new UnrecoverableError(message)
  }
}

function checked(data: unknown): Job {
  try {
    return checkedJob(data)
  } catch (error) {
    throw new UnrecoverableError((error as Error).message)
  }
}

/** Whether another try may end otherwise: an operation's own error comes again. */
function isOfMachine(error: unknown): boolean {
  return error instanceof MachineError || error instanceof WorkerLostError
}

function throttled(report: (done: number, total: number) => void): (done: number, total: number) => void {
  let last = Number.NEGATIVE_INFINITY
  return (done, total) => {
    const now = performance.now()
    if (done < total && now - last < progressMilliseconds) return
    last = now
    report(done, total)
  }
}
