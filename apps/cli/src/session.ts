import { existsSync } from 'node:fs'
import { availableParallelism } from 'node:os'
import { delimiter, dirname, join, resolve } from 'node:path'
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

/** What the command line says of how to compute. */
export interface SessionOptions {
  /** How many processes compute at once. */
  readonly jobs?: string
  /** Directories of caches that are read beside one's own. Default: those of `ISTHMUS_CACHE_FROM`, as in a PATH. */
  readonly cacheFrom?: readonly string[]
}

/** Open the cache and a pool of worker processes, and take Ctrl-C.
 *
 *  @throws {UserError} when a directory holds no cache, or `jobs` is no number.
 */
export async function openSession({ jobs, cacheFrom = [] }: SessionOptions = {}): Promise<Session> {
  const size = jobs === undefined ? availableParallelism() : Number(jobs)
  if (!Number.isInteger(size) || size < 1) throw new UserError(`--jobs ${jobs}: expected a whole number of at least 1`)
  const home = isthmusHome()
  const others =
    cacheFrom.length > 0 ? cacheFrom : (process.env.ISTHMUS_CACHE_FROM ?? '').split(delimiter).filter(Boolean)
  const cache = await openCache(home.cache, { others: others.map(cacheDirectory) })
  const executor = processPoolExecutor({
    workerModule: resolve(dirname(fileURLToPath(import.meta.url)), 'worker.mjs'),
    size,
    cacheDirectory: home.cache,
    otherCaches: cache.others,
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

/** A cache is given by its own directory, or by the home that it is in. */
function cacheDirectory(given: string): string {
  const inside = join(given, 'cache')
  return existsSync(join(inside, 'format.json')) ? inside : given
}
