import { type SerializedError, serializeError } from './errors.ts'
import type { Job, JobResult } from './job.ts'
import { type JobPlace, jobRunner } from './job-runner.ts'
import type { AnyOperation } from './operation.ts'

/** What a pool tells its workers. */
export type PoolMessage = ({ readonly type: 'run'; readonly job: Job } & JobPlace) | { readonly type: 'abort' }

/** What a worker tells its pool. It runs one job at a time. */
export type WorkerMessage =
  | { readonly type: 'progress'; readonly done: number; readonly total: number }
  | ({ readonly type: 'result'; readonly result: JobResult } & AfterJob)
  | ({ readonly type: 'error'; readonly error: SerializedError } & AfterJob)

interface AfterJob {
  /** The resident size of the worker now that the job has ended, in bytes. */
  readonly residentBytes: number
}

/** Make this process a worker of a `processPoolExecutor`: the whole of a worker module is a call of this.
 *
 *  The process ends when its parent does. It leaves an interrupt from the terminal to the parent, which tells it to
 *  abort.
 *  @throws {Error} when the process was not started by a pool.
 */
export function serveOperations(operations: readonly AnyOperation[]): void {
  if (process.send === undefined) {
    throw new Error('This module is a worker: it is started by processPoolExecutor, not by hand.')
  }
  const runJob = jobRunner(operations)
  let abort = new AbortController()
  process.on('disconnect', () => process.exit(0))
  process.on('SIGINT', () => undefined)
  process.on('message', (message: PoolMessage) => {
    if (message.type === 'abort') {
      abort.abort()
      return
    }
    abort = new AbortController()
    const { job, ...place } = message
    const progress = (done: number, total: number) => send({ type: 'progress', done, total })
    runJob(place, job, { progress, signal: abort.signal }).then(
      (result) => send({ type: 'result', result, residentBytes: process.memoryUsage.rss() }),
      (error) => send({ type: 'error', error: serializeError(error), residentBytes: process.memoryUsage.rss() }),
    )
  })
}

function send(message: WorkerMessage): void {
  if (process.connected) process.send?.(message)
}
