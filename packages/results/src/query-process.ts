import { QueryPool, type QueryPoolOptions } from './query-pool.ts'
import type { QueryResult } from './query-sandboxed.ts'

/** How a query is run in a process of its own. */
export interface QueryProcessOptions extends Omit<QueryPoolOptions, 'size'> {
  /** Ends the query, and its process, at once. */
  readonly signal?: AbortSignal
}

/** Run one query as a `QueryPool` does, in a process that ends with it.
 *
 *  @throws as `QueryPool.run` does.
 */
export async function queryInProcess(
  path: string,
  sql: string,
  { signal, ...options }: QueryProcessOptions,
): Promise<QueryResult> {
  const pool = new QueryPool({ ...options, size: 1 })
  try {
    return await pool.run(path, sql, 'json', signal)
  } finally {
    pool.close()
  }
}
