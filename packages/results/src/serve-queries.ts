import { UserError } from '@isthmus/tensor'
import { ResultsInUseError } from './open-database.ts'
import type { QueryAnswer, QueryMessage } from './query-pool.ts'
import { querySandboxed } from './query-sandboxed.ts'

/** Resident bytes above which a query is ended: DuckDB's own limit, by default 1 GB, does not count single values. */
const residentLimit = 2_500_000_000
const watchMilliseconds = 20

/** Make this process one of a `QueryPool`, which answers one query after the other: the whole of a worker module is a
 *  call of this.
 *
 *  DuckDB computes on other threads, so that this one can watch the memory, and end the process; the parent watches the
 *  time.
 */
export function serveQueries(): void {
  if (process.send === undefined) {
    throw new Error('This module answers queries: it is started by a QueryPool, not by hand.')
  }
  process.on('disconnect', () => process.kill(process.pid, 'SIGKILL'))
  // An interrupt from the terminal is for the parent, which ends this process.
  process.on('SIGINT', () => undefined)
  process.on('message', async (message: QueryMessage) => {
    const watch = watchMemory()
    const answer = await answerTo(message)
    clearInterval(watch)
    // What is not given back after a large query would count towards the next one.
    const isLast = process.memoryUsage.rss() > residentLimit / 2
    process.send!({ ...answer, isLast }, () => isLast && process.kill(process.pid, 'SIGKILL'))
  })
}

async function answerTo({ path, sql, limits, format }: QueryMessage): Promise<QueryAnswer> {
  try {
    const result = await querySandboxed(path, sql, limits)
    if (format === 'json') return { type: 'result', result }
    const { encodeArrow } = await import('./encode-arrow.ts')
    return { type: 'result', result: encodeArrow(result) }
  } catch (error) {
    if (error instanceof ResultsInUseError) return { type: 'in-use', message: error.message }
    if (error instanceof UserError) return { type: 'refused', message: error.message }
    return { type: 'failed', message: error instanceof Error ? (error.stack ?? error.message) : String(error) }
  }
}

/** What DuckDB may still compute ends with the process. */
function watchMemory(): NodeJS.Timeout {
  return setInterval(() => {
    if (process.memoryUsage.rss() <= residentLimit) return
    const message = `The query was stopped at ${(residentLimit / 1e9).toFixed(1)} GB of memory: ask for less of it`
    process.send!({ type: 'refused', message, isLast: true } satisfies QueryAnswer, () =>
      process.kill(process.pid, 'SIGKILL'),
    )
  }, watchMilliseconds)
}
