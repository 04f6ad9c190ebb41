import { type ChildProcess, fork } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { UserError } from '@isthmus/tensor'
import { ResultsInUseError } from './open-database.ts'
import { type QueryResult, type SandboxLimits, sandboxDefaults } from './query-sandboxed.ts'

/** How queries are run in processes of their own. */
export interface QueryPoolOptions extends SandboxLimits {
  /** A module that calls `serveQueries`. */
  readonly workerModule: URL | string
  /** Options of `node` for them, e.g. a loader. Default: those of this process. */
  readonly execArgv?: readonly string[]
  /** Queries at once. Default 2. */
  readonly size?: number
}

/** As what a result comes: rows, or the bytes of an Arrow IPC stream. */
export interface QueryFormats {
  readonly json: QueryResult
  readonly arrow: Uint8Array
}

/** What is asked of a process, one thing at a time. */
export interface QueryMessage {
  readonly path: string
  readonly sql: string
  readonly limits: SandboxLimits
  readonly format: keyof QueryFormats
}

/** What it answers; after one that `isLast` it ends. */
export type QueryAnswer = { readonly isLast?: boolean } & (
  | { readonly type: 'result'; readonly result: QueryFormats[keyof QueryFormats] }
  | { readonly type: 'refused' | 'in-use'; readonly message: string }
  | { readonly type: 'failed'; readonly message: string }
)

/** How long a query may go on after it was told to stop, before its process is killed. */
const graceMilliseconds = 1000

/** Runs users' queries as `querySandboxed` does, in processes that stay for the next one.
 *
 *  Whatever a query does ends with its process: one call of a function that takes hours, which DuckDB cannot interrupt,
 *  or a value that does not fit into memory, which its limit does not count.
 */
export class QueryPool {
  readonly #options: QueryPoolOptions
  readonly #idle: ChildProcess[] = []
  readonly #all = new Set<ChildProcess>()
  readonly #waiting: (() => void)[] = []
  #running = 0
  #closed = false

  constructor(options: QueryPoolOptions) {
    this.#options = options
  }

  /** Queries that wait for others to end. */
  get waiting(): number {
    return this.#waiting.length
  }

  /** Run one query on a results file.
   *
   *  @param path Each query may be on another file.
   *  @param signal Ends the query, and its process, at once.
   *  @throws {UserError} as `querySandboxed` does, {ResultsInUseError} too; when the query had to be killed for its time
   *    or its memory. The signal's reason when it was aborted.
   */
  async run<Format extends keyof QueryFormats>(
    path: string,
    sql: string,
    format: Format,
    signal?: AbortSignal,
  ): Promise<QueryFormats[Format]> {
    const { size = 2 } = this.#options
    while (this.#running >= size) await new Promise<void>((resolve) => this.#waiting.push(resolve))
    this.#running += 1
    let child: ChildProcess | undefined
    try {
      signal?.throwIfAborted()
      if (this.#closed) throw new Error('The pool of queries was closed.')
      child = this.#idle.pop() ?? this.#start()
      const answer = await this.#ask(child, { path, sql, format, limits: this.#limits }, signal)
      if (answer.type === 'result') return answer.result as QueryFormats[Format]
      if (answer.type === 'in-use') throw new ResultsInUseError(answer.message)
      throw answer.type === 'refused' ? new UserError(answer.message) : new Error(answer.message)
    } finally {
      this.#running -= 1
      if (child !== undefined && this.#all.has(child)) this.#idle.push(child)
      this.#waiting.shift()?.()
    }
  }

  /** End all processes, and with them what they compute. */
  close(): void {
    this.#closed = true
    for (const child of this.#all) child.kill('SIGKILL')
    this.#all.clear()
    for (const resume of this.#waiting.splice(0)) resume()
  }

  get #limits(): SandboxLimits {
    const { workerModule: _module, execArgv: _arguments, size: _size, ...limits } = this.#options
    return limits
  }

  #start(): ChildProcess {
    const { workerModule, execArgv = process.execArgv } = this.#options
    const module = workerModule instanceof URL ? fileURLToPath(workerModule) : workerModule
    const child = fork(module, {
      execArgv: [...execArgv],
      stdio: ['ignore', 'ignore', 2, 'ipc'],
      serialization: 'advanced',
    })
    this.#all.add(child)
    child.on('exit', () => this.#forget(child))
    child.on('error', () => this.#forget(child))
    return child
  }

  #forget(child: ChildProcess): void {
    this.#all.delete(child)
    const index = this.#idle.indexOf(child)
    if (index !== -1) this.#idle.splice(index, 1)
  }

  async #ask(child: ChildProcess, message: QueryMessage, signal: AbortSignal | undefined): Promise<QueryAnswer> {
    const { timeoutMs, waitMs } = { ...sandboxDefaults, ...message.limits }
    let isLate = false
    const kill = () => {
      this.#forget(child)
      child.kill('SIGKILL')
    }
    const timer = setTimeout(
      () => {
        isLate = true
        kill()
      },
      timeoutMs + waitMs + graceMilliseconds,
    )
    signal?.addEventListener('abort', kill, { once: true })
    child.ref()
    try {
      child.send(message, () => undefined)
      const answer = await answerOf(child)
      signal?.throwIfAborted()
      if (answer === null) {
        const reason = isLate ? `stopped after ${timeoutMs / 1000} s` : 'killed from outside, as for want of memory'
        throw new UserError(`The query was ${reason}: ask for less of it`)
      }
      if (answer.isLast) this.#forget(child)
      return answer
    } finally {
      clearTimeout(timer)
      signal?.removeEventListener('abort', kill)
      child.unref()
      child.channel?.unref()
    }
  }
}

/** What a process answers; null when it was killed before it did. */
function answerOf(child: ChildProcess): Promise<QueryAnswer | null> {
  return new Promise((resolve, reject) => {
    const settle = (end: () => void) => {
      child.off('message', answered).off('error', failed).off('exit', ended)
      end()
    }
    const answered = (answer: QueryAnswer) => settle(() => resolve(answer))
    const failed = (error: Error) => settle(() => reject(error))
    const ended = (code: number | null, signal: string | null) =>
      settle(() => {
        if (signal === 'SIGKILL') resolve(null)
        else reject(new Error(`the process of a query ended with ${signal ?? `code ${code}`} and no answer`))
      })
    child.on('message', answered).on('error', failed).on('exit', ended)
  })
}
