import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { availableParallelism, totalmem } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { deserializeError, WorkerLostError } from './errors.ts'
import type { Executor, Job, JobHooks, JobResult } from './job.ts'
import type { PoolMessage, WorkerMessage } from './serve-operations.ts'
import { removeAbandoned } from './temporary-directory.ts'

/** How a pool of processes is made. */
export interface ProcessPoolOptions {
  /** A module that calls `serveOperations`. */
  readonly workerModule: URL | string
  /** Options of `node` for the workers, e.g. a loader. Default: those of this process. */
  readonly execArgv?: readonly string[]
  /** Processes at most; they are started when they are needed. Default: the cores of this machine. */
  readonly size?: number
  /** The costs in memory of the jobs that run at once stay below this, or one runs alone. Default: three quarters of
   *  the memory of this machine, or of what it allows this process.
   */
  readonly memoryBytes?: number
  readonly cacheDirectory: string
  /** Directories of other caches that inputs may lie in: those that the run's cache was opened with. Default none. */
  readonly otherCaches?: readonly string[]
  /** How long an aborted job has to end by itself before its process is killed. Default 2. */
  readonly abortSeconds?: number
  /** A worker is replaced when, after a job, its resident size is larger by more than this than after its first job
   *  and the largest cost in memory of its jobs together, as that of one that leaks. Default 1 GiB.
   */
  readonly maximumGrowthBytes?: number
}

interface Task {
  readonly job: Job
  readonly hooks: JobHooks
  readonly memoryBytes: number
  readonly resolve: (result: JobResult) => void
  readonly reject: (error: Error) => void
  lostWorkers: number
  passedOver: number
}

interface Worker {
  readonly process: ChildProcess
  task: Task | undefined
  /** After its first job. */
  firstResidentBytes: number | undefined
  /** Of the jobs it was given. */
  largestCostBytes: number
  /** Whether it is given no more jobs: it is ending. */
  isRetired: boolean
}

/** A job that has been passed over this often by others that fit into memory goes before them. */
const patience = 16

/** Run jobs in a pool of processes of this machine.
 *
 *  What workers write to stdout goes to stderr of this process, so that its stdout stays its own. A job whose process
 *  is lost is given to another once, and what it was writing is removed; then it fails. An aborted job is told so, and
 *  killed with its process if it does not end soon. A process that has grown is replaced between two jobs.
 */
export function processPoolExecutor(options: ProcessPoolOptions): Executor {
  return new ProcessPool(options)
}

class ProcessPool implements Executor {
  readonly slots: number
  readonly #options: ProcessPoolOptions
  readonly #memoryBytes: number
  readonly #queue: Task[] = []
  readonly #workers = new Set<Worker>()
  #closed = false

  constructor(options: ProcessPoolOptions) {
    this.#options = options
    this.slots = options.size ?? availableParallelism()
    this.#memoryBytes = options.memoryBytes ?? 0.75 * Math.min(totalmem(), process.constrainedMemory() || totalmem())
  }

  async execute(job: Job, hooks: JobHooks): Promise<JobResult> {
    if (this.#closed) throw new Error('The pool of processes is closed: make a new one.')
    hooks.signal.throwIfAborted()
    const result = new Promise<JobResult>((resolve, reject) => {
      const memoryBytes = job.cost.memoryBytes ?? 0
      this.#queue.push({ job, hooks, memoryBytes, resolve, reject, lostWorkers: 0, passedOver: 0 })
    })
    const abort = () => this.#abort(job)
    hooks.signal.addEventListener('abort', abort, { once: true })
    this.#dispatch()
    try {
      return await result
    } finally {
      hooks.signal.removeEventListener('abort', abort)
    }
  }

  async close(): Promise<void> {
    this.#closed = true
    const error = new Error('The pool of processes was closed.')
    for (const task of this.#queue.splice(0)) task.reject(error)
    await Promise.all(
      [...this.#workers].map(async (worker) => {
        worker.task?.reject(error)
        worker.task = undefined
        const exit = once(worker.process, 'exit')
        this.#end(worker)
        await exit
      }),
    )
  }

  /** Disconnect a worker, upon which it ends, and kill it when it does not. */
  #end(worker: Worker): void {
    worker.process.ref()
    if (worker.process.connected) worker.process.disconnect()
    const kill = setTimeout(() => worker.process.kill('SIGKILL'), this.#abortMilliseconds)
    worker.process.once('exit', () => clearTimeout(kill))
  }

  get #abortMilliseconds(): number {
    return (this.#options.abortSeconds ?? 2) * 1000
  }

  #dispatch(): void {
    while (this.#queue.length > 0) {
      const idle = [...this.#workers].find(({ task, isRetired }) => task === undefined && !isRetired)
      if (idle === undefined && this.#workers.size >= this.slots) return
      const index = this.#nextThatFits()
      if (index === -1) return
      for (const passed of this.#queue.slice(0, index)) passed.passedOver += 1
      const [task] = this.#queue.splice(index, 1)
      this.#assign(idle ?? this.#start(), task!)
    }
  }

  #nextThatFits(): number {
    let used = 0
    let running = 0
    for (const { task } of this.#workers) {
      if (task === undefined) continue
      used += task.memoryBytes
      running += 1
    }
    const fits = (task: Task) => running === 0 || used + task.memoryBytes <= this.#memoryBytes
    const impatient = this.#queue.findIndex((task) => task.passedOver >= patience)
    if (impatient !== -1) return fits(this.#queue[impatient]!) ? impatient : -1
    return this.#queue.findIndex(fits)
  }

  #assign(worker: Worker, task: Task): void {
    worker.task = task
    worker.largestCostBytes = Math.max(worker.largestCostBytes, task.memoryBytes)
    worker.process.ref()
    worker.process.channel?.ref()
    const { cacheDirectory, otherCaches = [] } = this.#options
    const message: PoolMessage = { type: 'run', cacheDirectory, otherCaches, job: task.job }
    worker.process.send(message, () => undefined)
  }

  #start(): Worker {
    const { workerModule, execArgv = process.execArgv } = this.#options
    const path = workerModule instanceof URL ? fileURLToPath(workerModule) : workerModule
    const child = fork(path, { execArgv: [...execArgv], stdio: ['ignore', 2, 2, 'ipc'] })
    const worker: Worker = {
      process: child,
      task: undefined,
      firstResidentBytes: undefined,
      largestCostBytes: 0,
      isRetired: false,
    }
    child.on('message', (message: WorkerMessage) => this.#receive(worker, message))
    child.on('error', (error) => this.#lose(worker, error.message))
    child.on('exit', (code, signal) => this.#lose(worker, signal ? `was killed by ${signal}` : `exited with ${code}`))
    this.#workers.add(worker)
    return worker
  }

  #receive(worker: Worker, message: WorkerMessage): void {
    const { task } = worker
    if (task === undefined) return
    if (message.type === 'progress') {
      task.hooks.progress(message.done, message.total)
      return
    }
    worker.task = undefined
    letParentEnd(worker.process)
    if (this.#hasGrown(worker, message.residentBytes)) {
      worker.isRetired = true
      this.#end(worker)
    }
    if (message.type === 'result') task.resolve(message.result)
    else task.reject(task.hooks.signal.aborted ? abortReason(task) : deserializeError(message.error))
    this.#dispatch()
  }

  #hasGrown(worker: Worker, residentBytes: number): boolean {
    worker.firstResidentBytes ??= residentBytes
    const { maximumGrowthBytes = 2 ** 30 } = this.#options
    return residentBytes - worker.firstResidentBytes - worker.largestCostBytes > maximumGrowthBytes
  }

  #lose(worker: Worker, how: string): void {
    if (!this.#workers.delete(worker)) return
    const { task } = worker
    worker.task = undefined
    if (task !== undefined) {
      removeAbandoned(join(this.#options.cacheDirectory, 'tmp'))
      this.#retry(task, how)
    }
    this.#dispatch()
  }

  #retry(task: Task, how: string): void {
    task.lostWorkers += 1
    if (task.hooks.signal.aborted) {
      task.reject(abortReason(task))
    } else if (task.lostWorkers < 2 && !this.#closed) {
      this.#queue.unshift(task)
    } else {
      const advice = how.includes('SIGKILL')
        ? 'the system kills a process when memory runs out: run fewer at once'
        : 'what it wrote to stderr says why'
      task.reject(new WorkerLostError(`The process that ran '${task.job.label}' ${how}, twice; ${advice}.`))
    }
  }

  #abort(job: Job): void {
    const index = this.#queue.findIndex((task) => task.job === job)
    if (index !== -1) {
      const [task] = this.#queue.splice(index, 1)
      task!.reject(abortReason(task!))
      return
    }
    const worker = [...this.#workers].find(({ task }) => task?.job === job)
    if (worker === undefined) return
    const { task } = worker
    const message: PoolMessage = { type: 'abort' }
    worker.process.send(message, () => undefined)
    const kill = setTimeout(() => {
      if (worker.task === task) worker.process.kill('SIGKILL')
    }, this.#abortMilliseconds)
    kill.unref()
    worker.process.once('exit', () => clearTimeout(kill))
  }
}

/** An idle worker does not keep its parent from ending, upon which it ends too. */
function letParentEnd(child: ChildProcess): void {
  child.unref()
  child.channel?.unref()
}

function abortReason(task: Task): Error {
  const { reason } = task.hooks.signal as { reason: unknown }
  return reason instanceof Error ? reason : new Error(String(reason))
}
