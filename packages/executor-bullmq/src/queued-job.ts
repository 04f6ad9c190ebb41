import { hostname } from 'node:os'
import { deserializeError, type Job, type SerializedError, serializeError, WorkerLostError } from '@isthmus/dataflow'
import { type Job as BullJob, Queue } from 'bullmq'
import type { QueueConnection } from './queue-connection.ts'
import type { ResourceClass } from './resource-class.ts'

/** One try at a job that failed. */
export interface FailedTry {
  readonly error: SerializedError
  /** The name of the worker. */
  readonly worker: string
  /** ISO 8601. */
  readonly at: string
}

/** What the queue holds of a job. */
export interface QueuedJob {
  readonly job: Job
  readonly failures: readonly FailedTry[]
}

/** How far a job has come, as the queue tells those who wait. */
export interface QueuedProgress {
  readonly done: number
  readonly total: number
}

export type JobQueue = Queue<QueuedJob, null, string>
export type JobInQueue = BullJob<QueuedJob, null, string>

/** Why a job failed that was cancelled. */
export const cancelledReason = 'cancelled'

/** Why a job failed whose workers were lost too often, as BullMQ says it. */
const stalledReason = 'job stalled more than allowable limit'

/** Open the queue of a class. */
export function openJobQueue({ redis, prefix }: QueueConnection, name: ResourceClass): JobQueue {
  return new Queue(name, { connection: redis, prefix })
}

/** The job with one more failed try. */
export function withFailure(data: QueuedJob, error: unknown, worker: string): QueuedJob {
  const failure = { error: serializeError(error), worker, at: new Date().toISOString() }
  return { ...data, failures: [...data.failures, failure] }
}

/** Why a job failed for good: what the last try said, with the tries before as its causes. */
export function jobError({ data, failedReason, stalledCounter }: JobInQueue): Error {
  const tries = data.failures.map(({ error, worker, at }) => ({ error: deserializeError(error), worker, at }))
  const last = tries.at(-1)
  if (last !== undefined && last.error.message === failedReason) {
    const before = tries.slice(0, -1)
    if (before.length > 0) last.error.cause ??= earlierTries(before)
    return last.error
  }
  if (failedReason !== stalledReason) return new Error(failedReason)
  const often = stalledCounter > 1 ? `, ${stalledCounter} times` : ''
  const message =
    `The worker that took '${data.job.label}' was lost${often}: see what became of it, or run it where there is more ` +
    'memory.'
  return new WorkerLostError(message, tries.length > 0 ? { cause: earlierTries(tries) } : {})
}

/** A name for this process among the workers of a lab. */
export function workerName(): string {
  return `${hostname()}-${process.pid}`
}

function earlierTries(
  tries: readonly { readonly error: Error; readonly worker: string; readonly at: string }[],
): Error {
  const lines = tries.map(({ error, worker, at }) => `on ${worker} at ${at}: ${error.message}`)
  return new AggregateError(
    tries.map(({ error }) => error),
    `It failed before, ${lines.join('; ')}`,
  )
}
