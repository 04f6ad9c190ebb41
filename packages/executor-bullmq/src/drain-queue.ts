import type { JobType } from 'bullmq'
import { connectQueue, type QueueAddress, type QueueConnection } from './queue-connection.ts'
import { type JobQueue, openJobQueue } from './queued-job.ts'
import { type ResourceClass, resourceClasses } from './resource-class.ts'

/** Jobs of one class by what has become of them. */
export interface QueueCounts {
  readonly waiting: number
  readonly running: number
  /** Of the last day. */
  readonly failed: number
  readonly workers: number
}

const waitingStates: JobType[] = ['waiting', 'prioritized', 'delayed']
const pageSize = 1000

/** Remove every job that waits, in all classes or in some. What runs goes on to its end; runs that wait for what is
 *  removed are told, and fail it.
 *
 *  @returns How many were removed.
 *  @throws {UserError} when the queue cannot be reached.
 */
export async function drainQueue(
  address: QueueAddress,
  classes: readonly ResourceClass[] = resourceClasses,
): Promise<number> {
  return withQueues(address, classes, async (connection, queues) => {
    let removed = 0
    for (const queue of queues) removed += await drain(connection, queue)
    return removed
  })
}

/** Count the jobs of each class, and the workers that serve it.
 *
 *  @throws {UserError} when the queue cannot be reached.
 */
export async function countJobs(address: QueueAddress): Promise<Readonly<Record<ResourceClass, QueueCounts>>> {
  return withQueues(address, resourceClasses, async (_connection, queues) => {
    const entries = queues.map(async (queue) => {
      const { active, failed, ...waiting } = await queue.getJobCounts('active', 'failed', ...waitingStates)
      const total = Object.values(waiting).reduce((sum, count) => sum + count, 0)
      const workers = await queue.getWorkersCount()
      return [queue.name, { waiting: total, running: active!, failed: failed!, workers }] as const
    })
    return Object.fromEntries(await Promise.all(entries)) as Record<ResourceClass, QueueCounts>
  })
}

async function drain(connection: QueueConnection, queue: JobQueue): Promise<number> {
  let removed = 0
  for (;;) {
    const jobs = await queue.getJobs(waitingStates, 0, pageSize - 1)
    const outcomes = await Promise.all(jobs.map(async (job) => ({ key: job.id!, gone: await queue.remove(job.id!) })))
    const keys = outcomes.flatMap(({ key, gone }) => (gone === 1 ? [key] : []))
    await connection.notify(keys.map((key) => ({ type: 'drained', key })))
    removed += keys.length
    if (keys.length === 0) return removed
  }
}

async function withQueues<Result>(
  address: QueueAddress,
  classes: readonly ResourceClass[],
  action: (connection: QueueConnection, queues: readonly JobQueue[]) => Promise<Result>,
): Promise<Result> {
  const connection = await connectQueue(address, () => undefined)
  const queues = classes.map((name) => openJobQueue(connection, name))
  try {
    return await action(connection, queues)
  } finally {
    await Promise.all(queues.map((queue) => queue.close()))
    connection.close()
  }
}
