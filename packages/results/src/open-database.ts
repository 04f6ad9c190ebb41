import { setTimeout as sleep } from 'node:timers/promises'
import type { DuckDBInstance } from '@duckdb/node-api'
import { UserError } from '@isthmus/tensor'

/** The results stayed in use by another process for as long as we waited. */
export class ResultsInUseError extends UserError {
  override readonly name = 'ResultsInUseError'
}

/** The results could not be written: the disk is full, or may not be written. What was committed before is kept. */
export class ResultsNotWrittenError extends UserError {
  override readonly name = 'ResultsNotWrittenError'
}

const firstPauseMs = 10
const longestPauseMs = 250

/** Open a DuckDB file, waiting while another process has it.
 *
 *  DuckDB lets one process write, or many read. Within one process all openings share one instance: a second one of
 *  its own would succeed and see stale data.
 *
 *  @param path Absolute.
 *  @param options DuckDB's configuration.
 *  @param waitMs How long to try again, with growing pauses.
 *  @throws {ResultsInUseError} when the file is still in use after `waitMs`.
 *  @throws {UserError} when the file cannot be opened.
 */
export async function openDatabase(
  duckdb: typeof import('@duckdb/node-api'),
  path: string,
  options: Record<string, string>,
  waitMs: number,
): Promise<DuckDBInstance> {
  const deadline = performance.now() + waitMs
  for (let pause = firstPauseMs; ; pause = Math.min(2 * pause, longestPauseMs)) {
    try {
      return await duckdb.DuckDBInstance.fromCache(path, options)
    } catch (error) {
      const message = error instanceof Error ? error.message : String(error)
      if (!/Could not set lock|different configuration/.test(message)) throw explainFailure(path, message, error)
      const left = deadline - performance.now()
      if (left <= 0) {
        const holder = /PID (\d+)/.exec(message)?.[1]
        throw new ResultsInUseError(
          `${path} is in use by ${holder ? `process ${holder}` : 'this process'}, after waiting ${waitMs / 1000} s: try again when that has ended`,
          { cause: error },
        )
      }
      await sleep(Math.min(pause, left))
    }
  }
}

/** What the user may do about a file that DuckDB does not open. */
export function explainFailure(path: string, message: string, cause: unknown): UserError {
  if (/not a valid DuckDB database|different version|Serialization Error|Could not read enough bytes/.test(message)) {
    return new UserError(
      `${path} is not a DuckDB file that this version reads: move it away, and the next run rebuilds it from the cache`,
      { cause },
    )
  }
  return new UserError(`${path} cannot be opened: ${message}`, { cause })
}

/** Whether the file could not be written, as far as what was thrown says. */
export function isDiskFailure(error: unknown): boolean {
  return /^IO Error|Could not write file|No space left on device|ENOSPC|EDQUOT/.test(messageOf(error))
}

/** Whether DuckDB refuses whatever comes after this failure, until the file is opened anew. */
export function isFatal(error: unknown): boolean {
  return error instanceof Error && (/FATAL Error/.test(error.message) || isFatal(error.cause))
}

export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}
