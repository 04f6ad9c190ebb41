import { parseResourceClasses, serveQueue, type WorkerEvent } from '@isthmus/executor-bullmq'
import { UserError } from '@isthmus/tensor'
import { type ExecutorOptions, queueAddress } from '../choose-executor.ts'
import { openSession } from '../session.ts'
import { serverOf, type TeamOptions } from '../team.ts'

/** The options of `isthmus worker`. */
export interface WorkerOptions extends TeamOptions, Pick<ExecutorOptions, 'queue' | 'jobs' | 'memory'> {
  readonly classes?: string
}

/** `isthmus worker`: take jobs from a queue until told to stop. */
export async function workerCommand({ classes, queue, ...options }: WorkerOptions): Promise<void> {
  const server = serverOf(options)
  if (server === undefined) {
    throw new UserError('a worker needs a server, where it leaves results: add --remote http://lab:7007')
  }
  const address = queueAddress(queue === undefined ? {} : { queue })
  const taken = classes === undefined ? {} : { classes: parseResourceClasses(classes.split(',')) }
  const { name, role } = await server.whoami()
  if (role === 'read')
    throw new UserError(`${server.name} lets '${name}' read only: a worker needs a token that may write`)
  await using session = await openSession(options, { tier: server, server })
  const { cache, executor, signal } = session
  await serveQueue({
    ...{ queue: address, ...taken, tier: server, cache, executor, concurrency: executor.slots, signal },
    onEvent: (event) => process.stderr.write(`${new Date().toISOString()} ${describe(event)}\n`),
  })
}

function describe(event: WorkerEvent): string {
  switch (event.type) {
    case 'ready':
      return `takes ${event.classes.join(' and ')} jobs from ${event.queue}`
    case 'failed':
      return `'${event.job.label}' failed${event.isFinal ? '' : ', and is tried again'}: ${event.error.message}`
    case 'disagreement':
      return `the server has another result of '${event.job.label}' for ${event.job.key}, which it keeps`
    case 'recovered':
      return `the worker of ${event.key} was lost; its job waits for another`
    case 'fault':
      return `the queue failed (${event.error.message}); trying again`
    case 'stopping':
      return `stopping; ${event.running} jobs run`
    default:
      return `${event.type} '${event.job.label}'`
  }
}
