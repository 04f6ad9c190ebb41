import { randomBytes } from 'node:crypto'
import { readdir, readFile, rm, stat } from 'node:fs/promises'
import { basename, join, resolve } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { deserializeError, type Executor, type Job, type JobHooks, type JobResult } from '@isthmus/dataflow'
import { UserError } from '@isthmus/tensor'
import { type ArrayJob, type ArraySetting, groupTasks, submitTasks } from './array-job.ts'
import { accountedStates, cancelTasks, checkSlurm, queuedStates, SlurmError } from './slurm-commands.ts'
import { memoryRequest, moreMemory, type Task } from './task.ts'
import {
  descriptionPath,
  outcomePath,
  progressPath,
  readWhole,
  type TaskOutcome,
  type TaskProgress,
} from './task-files.ts'
import { type Ending, endingError, endingOf } from './task-state.ts'

/** What a run learns of Slurm, beside what becomes of its jobs. */
export type SlurmEvent =
  | { readonly type: 'submitted'; readonly array: string; readonly tasks: number }
  | { readonly type: 'retried'; readonly label: string; readonly cause: Error }
  /** A command of Slurm failed; it is tried again. */
  | { readonly type: 'unanswered'; readonly error: Error }

/** How jobs are given to Slurm. */
export interface SlurmExecutorOptions {
  /** That of the run: on a file system which all nodes share, under the same path. */
  readonly cacheDirectory: string
  /** Directories of other caches that inputs may lie in. Default none. */
  readonly otherCaches?: readonly string[]
  /** What runs a job file (`runJobFile`) on a node: program and arguments, to which the path of the file is added. */
  readonly command: readonly string[]
  /** More options of sbatch, as `--partition=long`. They win over what costs ask for. Default none. */
  readonly options?: readonly string[]
  /** Jobs that wait or run at once. Default 1000. */
  readonly slots?: number
  /** Tasks of an array at most: Slurm's `MaxArraySize`, less one. Default 1000. */
  readonly maximumArray?: number
  /** Processors of each task. Default 1. */
  readonly cpus?: number
  /** How long to wait for more jobs before an array is submitted. Default 1. */
  readonly batchSeconds?: number
  /** Between two questions to Slurm, whatever the number of jobs. Default 10. */
  readonly pollSeconds?: number
  /** How long the shared file system may take to show a result that was written. Default 60. */
  readonly settleSeconds?: number
  readonly onEvent?: (event: SlurmEvent) => void
}

const fresh = { place: undefined, progress: undefined, endedAt: undefined }
const submissionTries = 5
const firstPauseMilliseconds = 1000
const staleDays = 7
const maximumTail = 4000
const cancelMilliseconds = 50
/** Tasks that were cancelled may still write while their directory goes. */
const removal = { recursive: true, force: true, maxRetries: 5 }

/** Run jobs as tasks of array jobs of a Slurm cluster, over a cache that all its nodes share.
 *
 *  Jobs that come up within a moment are submitted together. Results are files in the cache's folder `slurm`; squeue
 *  and sacct tell what has become of tasks that leave none: those that lost their node, their memory or their process
 *  are tried again, a few times and with more memory where that was it.
 *  @throws {UserError} when this machine has no Slurm.
 */
export async function slurmExecutor(options: SlurmExecutorOptions): Promise<Executor> {
  await checkSlurm()
  const directory = join(resolve(options.cacheDirectory), 'slurm')
  await removeStale(directory)
  return new SlurmExecutor(directory, options)
}

class SlurmExecutor implements Executor {
  readonly slots: number
  readonly #options: SlurmExecutorOptions
  readonly #directory: string
  readonly #name = `isthmus-${randomBytes(4).toString('hex')}`
  readonly #setting: ArraySetting
  readonly #tasks = new Set<Task>()
  readonly #arrays = new Set<ArrayJob>()
  #unsubmitted: Task[] = []
  #submitting: Promise<void> | undefined
  #polling: Promise<void> | undefined
  #unwanted: string[] = []
  #cancelling: Promise<void> | undefined
  #serial = 0
  readonly #closed = new AbortController()

  constructor(directory: string, options: SlurmExecutorOptions) {
    const { otherCaches = [], command, cpus = 1, options: more = [] } = options
    const place = {
      cacheDirectory: resolve(options.cacheDirectory),
      otherCaches: otherCaches.map((path) => resolve(path)),
    }
    this.slots = options.slots ?? 1000
    this.#options = options
    this.#directory = directory
    this.#setting = { place, command, name: this.#name, cpus, options: more }
  }

  async execute(job: Job, hooks: JobHooks): Promise<JobResult> {
    if (this.#closed.signal.aborted) throw new Error('The executor of Slurm is closed: make a new one.')
    hooks.signal.throwIfAborted()
    const memoryMebibytes = memoryRequest(job.cost.memoryBytes)
    let task: Task | undefined
    const result = new Promise<JobResult>((resolve, reject) => {
      task = { job, hooks, resolve, reject, memoryMebibytes, tries: 0, ...fresh }
    })
    const abort = () => task!.reject(asError(hooks.signal.reason))
    hooks.signal.addEventListener('abort', abort, { once: true })
    this.#tasks.add(task!)
    this.#queue(task!)
    try {
      return await result
    } finally {
      hooks.signal.removeEventListener('abort', abort)
      this.#tasks.delete(task!)
      this.#cancel(task!)
    }
  }

  async close(): Promise<void> {
    if (this.#closed.signal.aborted) return
    this.#closed.abort()
    const error = new Error('The executor of Slurm was closed.')
    for (const task of this.#tasks) {
      task.reject(error)
      this.#tasks.delete(task)
      this.#cancel(task)
    }
    await Promise.allSettled([this.#submitting, this.#polling])
    while (this.#cancelling !== undefined) await this.#cancelling
    for (const { directory } of this.#arrays) await rm(directory, removal)
  }

  #queue(task: Task): void {
    this.#unsubmitted.push(task)
    this.#submitSoon()
  }

  #submitSoon(): void {
    this.#submitting ??= this.#pause((this.#options.batchSeconds ?? 1) * 1000)
      .then(() => this.#submitAll())
      .finally(() => {
        this.#submitting = undefined
        if (this.#unsubmitted.length > 0) this.#submitSoon()
      })
  }

  async #submitAll(): Promise<void> {
    const tasks = this.#unsubmitted.filter((task) => this.#tasks.has(task))
    this.#unsubmitted = []
    for (const group of groupTasks(tasks, this.#options.maximumArray ?? 1000)) {
      try {
        await this.#submit(group)
      } catch (error) {
        const message = `Slurm did not take ${group.length} tasks (${asError(error).message}): correct what it names.`
        for (const { reject } of group) reject(new UserError(message, { cause: error }))
      }
    }
    this.#polling ??= this.#poll().finally(() => {
      this.#polling = undefined
    })
  }

  /** Slurm refuses for a while when it is busy, or has enough of somebody's jobs. */
  async #submit(tasks: readonly Task[]): Promise<void> {
    for (let pause = firstPauseMilliseconds, tries = 1; ; pause *= 2, tries++) {
      this.#serial += 1
      try {
        const directory = join(this.#directory, `${this.#name}-${this.#serial}`)
        const array = await submitTasks(directory, tasks, this.#setting)
        this.#arrays.add(array)
        this.#options.onEvent?.({ type: 'submitted', array: array.id, tasks: tasks.length })
        for (const task of tasks) if (!this.#tasks.has(task)) this.#cancel(task)
        return
      } catch (error) {
        if (!(error instanceof SlurmError) || tries === submissionTries) throw error
        this.#options.onEvent?.({ type: 'unanswered', error })
        await this.#pause(pause)
      }
    }
  }

  async #poll(): Promise<void> {
    while (this.#arrays.size > 0 && !this.#closed.signal.aborted) {
      await this.#pause((this.#options.pollSeconds ?? 10) * 1000)
      try {
        for (const array of this.#arrays) await this.#readOutcomes(array)
        await this.#findLost()
      } catch (error) {
        if (error instanceof SlurmError) this.#options.onEvent?.({ type: 'unanswered', error })
        else for (const { reject } of this.#tasks) reject(asError(error))
      }
    }
  }

  /** Take over what an array's tasks have written since the last look. */
  async #readOutcomes(array: ArrayJob): Promise<void> {
    const names = new Set(await readdir(array.directory).catch(ifMissing<string[]>([])))
    for (const [index, task] of array.tasks) {
      const description = descriptionPath(array.directory, index)
      if (names.has(basename(progressPath(description)))) await this.#readProgress(task, description)
      if (!names.has(basename(outcomePath(description)))) continue
      const outcome = await readWhole<TaskOutcome>(outcomePath(description))
      if (outcome === undefined) continue
      await this.#leave(task)
      if ('result' in outcome) task.resolve(outcome.result)
      else task.reject(deserializeError(outcome.error))
    }
  }

  async #readProgress(task: Task, description: string): Promise<void> {
    const progress = await readWhole<TaskProgress>(progressPath(description))
    if (progress === undefined || (progress.done === task.progress?.done && progress.total === task.progress.total)) {
      return
    }
    task.progress = progress
    if (this.#tasks.has(task)) task.hooks.progress(progress.done, progress.total)
  }

  /** Ask Slurm about the tasks that have shown no result. */
  async #findLost(): Promise<void> {
    const tasks = [...this.#arrays].flatMap((array) =>
      [...array.tasks].map(([index, task]) => ({ task, id: `${array.id}_${index}` })),
    )
    if (tasks.length === 0) return
    const queued = await queuedStates(this.#name)
    const gone = tasks.filter(({ id }) => !queued.has(id))
    const accounted = await this.#accounted(gone.map(({ id }) => id))
    for (const { task, id } of tasks) {
      const state = queued.get(id) ?? accounted.get(id) ?? 'COMPLETED'
      const ending = endingOf(state)
      task.endedAt = ending === undefined ? undefined : (task.endedAt ?? performance.now())
      if (ending !== undefined && this.#hasSettled(task, ending)) await this.#lose(task, ending)
    }
  }

  /** Where no accounting is kept, what has left the queue without a result is lost all the same. */
  async #accounted(tasks: readonly string[]): Promise<ReadonlyMap<string, string>> {
    if (tasks.length === 0) return new Map()
    try {
      return await accountedStates(tasks)
    } catch (error) {
      this.#options.onEvent?.({ type: 'unanswered', error: asError(error) })
      return new Map()
    }
  }

  #hasSettled({ endedAt }: Task, { maySettle }: Ending): boolean {
    const settleMilliseconds = maySettle ? (this.#options.settleSeconds ?? 60) * 1000 : 0
    return performance.now() - endedAt! >= settleMilliseconds
  }

  async #lose(task: Task, ending: Ending): Promise<void> {
    if (task.place === undefined) return
    const { array, index } = task.place
    const log = await tailOf(join(array.directory, `${index}.log`))
    await this.#leave(task)
    task.tries += 1
    Object.assign(task, fresh)
    const error = endingError(ending, task.job.label, task.tries, log)
    if (task.tries >= ending.tries || !this.#tasks.has(task)) {
      task.reject(error)
      return
    }
    this.#options.onEvent?.({ type: 'retried', label: task.job.label, cause: error })
    task.memoryMebibytes = moreMemory(task.memoryMebibytes, ending.memoryFactor)
    this.#queue(task)
  }

  /** Forget where a task was, and its array with the last one. */
  async #leave(task: Task): Promise<void> {
    if (task.place === undefined) return
    const { array, index } = task.place
    task.place = undefined
    array.tasks.delete(index)
    if (array.tasks.size > 0) return
    this.#arrays.delete(array)
    await rm(array.directory, removal)
  }

  /** Take a task that is not wanted any more out of Slurm, if it is there; all of a moment at once. */
  #cancel(task: Task): void {
    if (task.place === undefined) return
    const { array, index } = task.place
    this.#unwanted.push(`${array.id}_${index}`)
    this.#cancelSoon()
    this.#leave(task).catch(() => undefined)
  }

  #cancelSoon(): void {
    this.#cancelling ??= sleep(cancelMilliseconds)
      .then(() => cancelTasks(this.#unwanted.splice(0)))
      .catch((error) => this.#options.onEvent?.({ type: 'unanswered', error: asError(error) }))
      .finally(() => {
        this.#cancelling = undefined
        if (this.#unwanted.length > 0) this.#cancelSoon()
      })
  }

  /** Wait, but no longer than until this is closed. */
  async #pause(milliseconds: number): Promise<void> {
    await sleep(milliseconds, undefined, { signal: this.#closed.signal }).catch(() => undefined)
  }
}

/** Remove what runs have left that were killed long ago. */
async function removeStale(directory: string): Promise<void> {
  const oldest = Date.now() - staleDays * 86_400_000
  for (const name of await readdir(directory).catch(() => [])) {
    const { mtimeMs } = await stat(join(directory, name)).catch(() => ({ mtimeMs: Date.now() }))
    if (mtimeMs < oldest) await rm(join(directory, name), { recursive: true, force: true })
  }
}

/** The end of what a task wrote, as a cause. */
async function tailOf(log: string): Promise<Error | undefined> {
  const text = await readFile(log, 'utf8').catch(() => '')
  const tail = text.trim().slice(-maximumTail)
  return tail === '' ? undefined : new Error(tail)
}

/** A handler that stands in for what is not there. */
function ifMissing<Value>(value: Value): (error: NodeJS.ErrnoException) => Value {
  return (error) => {
    if (error.code === 'ENOENT') return value
    throw error
  }
}

function asError(thrown: unknown): Error {
  return thrown instanceof Error ? thrown : new Error(String(thrown))
}
