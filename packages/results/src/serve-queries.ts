import { UserError } from '@isthmus/tensor'
import type { QueryAnswer, QueryMessage } from './query-process.ts'
import { querySandboxed } from './query-sandboxed.ts'

/** Resident bytes above which a query is ended: DuckDB's own limit, by default 1 GB, does not count single values. */
const residentLimit = 2_500_000_000
const watchMilliseconds = 20

/** Make this process one that answers one query of `queryInProcess`: the whole of a worker module is a call of this.
 *
 *  DuckDB computes on other threads, so that this one can watch the memory, and end the process; the parent watches the time.
 */
export function serveQueries(): void {
  if (process.send === undefined) {
    throw new Error('This module answers queries: it is started by queryInProcess, not by hand.')
  }
  process.on('disconnect', () => process.exit(0))
  // An interrupt from the terminal is for the parent, which ends this process.
  process.on('SIGINT', () => undefined)
  process.once('message', ({ path, sql, limits }: QueryMessage) => {
    watchMemory()
    querySandboxed(path, sql, limits).then(
      (result) => answer({ type: 'result', result }),
      (error) =>
        answer({
          type: error instanceof UserError ? 'refused' : 'failed',
          message: error instanceof UserError ? error.message : String(error?.stack ?? error),
        }),
    )
  })
}

function watchMemory(): void {
  setInterval(() => {
    if (process.memoryUsage.rss() <= residentLimit) return
    const message = `The query was stopped at ${(residentLimit / 1e9).toFixed(1)} GB of memory: ask for less of it`
    answer({ type: 'refused', message })
  }, watchMilliseconds)
}

/** Send an answer, and end: what DuckDB may still compute ends with the process. */
function answer(message: QueryAnswer): void {
  process.send!(message, () => process.kill(process.pid, 'SIGKILL'))
}
