import { availableParallelism } from 'node:os'
import { dirname, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { type Cache, type Executor, inProcessExecutor, processPoolExecutor, type WritableTier } from '@isthmus/dataflow'
import { studyOperations } from '@isthmus/study'
import { UserError } from '@isthmus/tensor'
import { parseBytes, parseCount } from './option-values.ts'

/** What the command line says of how to compute. */
export interface ExecutorOptions {
  /** How many processes compute at once. */
  readonly jobs?: string
  /** How much memory they may be expected to take together, `8GB`. */
  readonly memory?: string
  /** Compute in this process, one step after the other, where a debugger sees them. */
  readonly foreground?: boolean
  /** One of `executors`. Default: `local`. */
  readonly executor?: string
  /** Where the queue of `bullmq` is. Default: `ISTHMUS_QUEUE`. */
  readonly queue?: string
  /** Of the jobs in the queue. */
  readonly priority?: string
  /** More options of `sbatch`, for `slurm`. */
  readonly slurm?: readonly string[]
}

/** Makes an executor over a cache. */
export type ExecutorFactory = (cache: Cache) => Executor | Promise<Executor>

const executors = ['local', 'bullmq', 'slurm'] as const

/** The executor that the options ask for.
 *
 *  @param server Where machines elsewhere leave their results.
 *  @throws {UserError} when the options do not go together, or cannot be read.
 */
export function chooseExecutor(options: ExecutorOptions, server?: WritableTier): ExecutorFactory {
  const name = executors.find((known) => known === (options.executor ?? 'local'))
  if (name === undefined) {
    throw new UserError(`--executor ${options.executor} is not known: give ${executors.join(', ')}`)
  }
  if (name !== 'slurm' && options.slurm !== undefined && options.slurm.length > 0) {
    throw new UserError('--slurm is of Slurm: add --executor slurm, or leave it out')
  }
  switch (name) {
    case 'local':
      return localExecutor(options)
    case 'bullmq':
      return queueExecutor(options, server)
    case 'slurm':
      return clusterExecutor(options)
  }
}

/** Where the queue is that the options name.
 *
 *  @throws {UserError} when they name none.
 */
export function queueAddress({ queue = process.env.ISTHMUS_QUEUE }: Pick<ExecutorOptions, 'queue'>): string {
  if (queue) return queue
  throw new UserError('a queue is needed: name it by --queue redis://host:6379, or ISTHMUS_QUEUE')
}

function localExecutor({ jobs, memory, foreground = false, queue, priority }: ExecutorOptions): ExecutorFactory {
  const ofQueue = queue !== undefined ? '--queue' : priority !== undefined ? '--priority' : undefined
  if (ofQueue !== undefined) throw new UserError(`${ofQueue} is of a queue: add --executor bullmq, or leave it out`)
  if (foreground) {
    if (jobs === undefined && memory === undefined) {
      return (cache) => inProcessExecutor(studyOperations, cache, { slots: 1 })
    }
    const other = jobs === undefined ? '--memory' : '--jobs'
    throw new UserError(
      `${other} is of a pool of processes, and --foreground computes in this one: leave out one of them`,
    )
  }
  const size = jobs === undefined ? availableParallelism() : parseCount('--jobs', jobs)
  const limits = memory === undefined ? {} : { memoryBytes: parseBytes('--memory', memory) }
  return (cache) =>
    processPoolExecutor({
      workerModule: resolve(dirname(fileURLToPath(import.meta.url)), 'worker.mjs'),
      size,
      ...limits,
      cacheDirectory: cache.directory,
      otherCaches: cache.others,
    })
}

function queueExecutor(options: ExecutorOptions, server: WritableTier | undefined): ExecutorFactory {
  const { jobs, memory, foreground, priority } = options
  if (memory !== undefined || foreground) {
    const other = memory === undefined ? '--foreground' : '--memory'
    throw new UserError(`${other} is of this machine, and --executor bullmq computes on others: leave out one of them`)
  }
  if (server === undefined) {
    throw new UserError('--executor bullmq needs a server, where its machines leave their results: add --remote')
  }
  const queue = queueAddress(options)
  const slots = jobs === undefined ? {} : { slots: parseCount('--jobs', jobs) }
  const first = priority === undefined ? {} : { priority: parseCount('--priority', priority) }
  return async () => {
    const { bullmqExecutor } = await import('@isthmus/executor-bullmq')
    return bullmqExecutor({ queue, tier: server, ...slots, ...first, onEvent: describeQueueEvent() })
  }
}

function clusterExecutor({ jobs, memory, foreground, queue, priority, slurm = [] }: ExecutorOptions): ExecutorFactory {
  const given = { memory, foreground, queue, priority }
  const other = Object.entries(given).find(([, value]) => value !== undefined)?.[0]
  if (other !== undefined) throw new UserError(`--${other} is not of --executor slurm: leave out one of them`)
  const slots = jobs === undefined ? {} : { slots: parseCount('--jobs', jobs) }
  const program = process.argv[1]!
  return async (cache) => {
    const { slurmExecutor } = await import('@isthmus/executor-slurm')
    return slurmExecutor({
      ...slots,
      cacheDirectory: cache.directory,
      otherCaches: cache.others,
      command: [process.execPath, program, 'job'],
      options: slurm,
      onEvent: (event) => {
        if (event.type === 'submitted') process.stderr.write(`array job ${event.array}: ${event.tasks} tasks\n`)
        if (event.type === 'retried') process.stderr.write(`'${event.label}' is tried again: ${event.cause.message}\n`)
      },
    })
  }
}

/** Says what happens to a queue, each kind of thing a few times. */
function describeQueueEvent() {
  const said = new Map<string, number>()
  return (event: import('@isthmus/executor-bullmq').QueueRunEvent) => {
    const times = (said.get(event.type) ?? 0) + 1
    said.set(event.type, times)
    if (times <= 3) process.stderr.write(`${queueEventLine(event)}\n`)
  }
}

function queueEventLine(event: import('@isthmus/executor-bullmq').QueueRunEvent): string {
  switch (event.type) {
    case 'unreachable':
      return `${event.what} cannot be reached (${event.error.message}); waiting for it`
    case 'added-again':
      return `the queue had lost '${event.label}'; it was added again`
    case 'no-workers':
      return `${event.waiting} jobs wait for machines of class ${event.class}, and there are none: isthmus worker --queue …`
  }
}
