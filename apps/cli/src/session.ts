import { availableParallelism } from 'node:os'
import { dirname, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { type Cache, type Executor, openCache, processPoolExecutor } from '@isthmus/dataflow'
import { UserError } from '@isthmus/tensor'
import { isthmusHome } from './home.ts'

/** What a command that computes works with. */
export interface Session extends AsyncDisposable {
  readonly cache: Cache
  readonly executor: Executor
  /** Aborted by the first Ctrl-C; a second one ends the process at once. */
  readonly signal: AbortSignal
}

/** Open the cache and a pool of worker processes, and take Ctrl-C.
 *
 *  @param jobs How many processes compute at once, as given on the command line.
 */
export async function openSession(jobs?: string): Promise<Session> {
  const size = jobs === undefined ? availableParallelism() : Number(jobs)
  if (!Number.isInteger(size) || size < 1) throw new UserError(`--jobs ${jobs}: expected a whole number of at least 1`)
  const home = isthmusHome()
  const cache = await openCache(home.cache)
  const executor = processPoolExecutor({
    workerModule: resolve(dirname(fileURLToPath(import.meta.url)), 'worker.mjs'),
    size,
    cacheDirectory: home.cache,
  })
  const abort = new AbortController()
  const interrupt = () => abort.abort(new Error('interrupted'))
  process.once('SIGINT', interrupt)
  process.once('SIGTERM', interrupt)
  return {
    cache,
    executor,
    signal: abort.signal,
    async [Symbol.asyncDispose]() {
      process.off('SIGINT', interrupt)
      process.off('SIGTERM', interrupt)
      await executor.close()
      cache.close()
    },
  }
}
