import { type ChildProcess, fork } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { UserError } from '@isthmus/tensor'
import { type QueryResult, type SandboxLimits, sandboxDefaults } from './query-sandboxed.ts'

/** How a query is run in a process of its own. */
export interface QueryProcessOptions extends SandboxLimits {
  /** A module that calls `serveQueries`. */
  readonly workerModule: URL | string
  /** Options of `node` for it, e.g. a loader. Default: those of this process. */
  readonly execArgv?: readonly string[]
  /** Ends the query, and its process, at once. */
  readonly signal?: AbortSignal
}

/** What is asked of the process. */
export interface QueryMessage {
  readonly path: string
  readonly sql: string
  readonly limits: SandboxLimits
}

/** What it answers, once. */
export type QueryAnswer =
  | { readonly type: 'result'; readonly result: QueryResult }
  | { readonly type: 'refused'; readonly message: string }
  | { readonly type: 'failed'; readonly message: string }

/** How long a query may go on after it was told to stop, before its process is killed. */
const graceMilliseconds = 1000

/** Run a user's query as `querySandboxed` does, in a process that ends with it.
 *
 *  Whatever a query does ends there: one call of a function that takes hours, which DuckDB cannot interrupt, or a value
 *  that does not fit into memory, which its limit does not count.
 *  @throws {UserError} as `querySandboxed` does; when the query had to be killed for its time or its memory. The
 *    signal's reason when it was aborted.
 */
export async function queryInProcess(path: string, sql: string, options: QueryProcessOptions): Promise<QueryResult> {
  const { workerModule, execArgv = process.execArgv, signal, ...limits } = options
  const { timeoutMs, waitMs } = { ...sandboxDefaults, ...limits }
  signal?.throwIfAborted()
  const module = workerModule instanceof URL ? fileURLToPath(workerModule) : workerModule
  const child = fork(module, { execArgv: [...execArgv], stdio: ['ignore', 'ignore', 2, 'ipc'] })
  const kill = () => child.kill('SIGKILL')
  const timer = setTimeout(kill, timeoutMs + waitMs + graceMilliseconds)
  signal?.addEventListener('abort', kill, { once: true })
  try {
    const message: QueryMessage = { path, sql, limits }
    child.send(message, () => undefined)
    const answer = await answerOf(child)
    signal?.throwIfAborted()
    if (answer === null) throw new UserError(`The query was stopped after ${timeoutMs / 1000} s: ask for less of it`)
    if (answer.type === 'result') return answer.result
    throw answer.type === 'refused' ? new UserError(answer.message) : new Error(answer.message)
  } finally {
    clearTimeout(timer)
    signal?.removeEventListener('abort', kill)
    kill()
  }
}

/** What a process answers; null when it was killed before it did. */
function answerOf(child: ChildProcess): Promise<QueryAnswer | null> {
  return new Promise((resolve, reject) => {
    child.once('message', (answer: QueryAnswer) => resolve(answer))
    child.once('error', reject)
    child.once('exit', (code, signal) => {
      if (signal === 'SIGKILL') resolve(null)
      else reject(new Error(`the process of a query ended with ${signal ?? `code ${code}`} and no answer`))
    })
  })
}
