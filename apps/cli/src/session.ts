import { existsSync } from 'node:fs'
import { availableParallelism } from 'node:os'
import { delimiter, dirname, join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { type Cache, type Executor, inProcessExecutor, openCache, processPoolExecutor } from '@isthmus/dataflow'
import { studyOperations } from '@isthmus/study'
import { UserError } from '@isthmus/tensor'
import { isthmusHome } from './home.ts'
import { parseBytes, parseCount } from './option-values.ts'

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
  /** How much memory they may be expected to take together, `8GB`. */
  readonly memory?: string
  /** Compute in this process, one step after the other, where a debugger sees them. */
  readonly foreground?: boolean
  /** Directories of caches that are read beside one's own. Default: those of `ISTHMUS_CACHE_FROM`, as in a PATH. */
  readonly cacheFrom?: readonly string[]
}

/** Open the cache and a pool of worker processes, and take Ctrl-C.
 *
 *  @throws {UserError} when a directory holds no cache, `jobs` or `memory` cannot be read, or is given beside `foreground`.
 */
export async function openSession(options: SessionOptions = {}): Promise<Session> {
  const openExecutor = executorOf(options)
  const { cacheFrom = [] } = options
  const others =
    cacheFrom.length > 0 ? cacheFrom : (process.env.ISTHMUS_CACHE_FROM ?? '').split(delimiter).filter(Boolean)
  const cache = await openCache(isthmusHome().cache, { others: others.map(cacheDirectory) })
  const executor = openExecutor(cache)
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

function executorOf({ jobs, memory, foreground = false }: SessionOptions): (cache: Cache) => Executor {
  if (foreground) {
    if (jobs === undefined && memory === undefined)
      return (cache) => inProcessExecutor(studyOperations, cache, { slots: 1 })
    const other = jobs === undefined ? '--memory' : '--jobs'
    throw new UserError(
      `${other} is of a pool of processes, and --foreground computes in this one: leave out one of them`,
    )
  }
  const size = jobs === undefined ? availableParallelism() : parseCount('--jobs', jobs)
  const limits = memory === undefined ? {} : { memoryBytes: parseBytes('--memory', memory) }
  return (cache) =>
    processPoolExecutor({
      workerModule: resolve(dirname(fileURLToPath(import.meta.url)), 'worker.mjs'),
      size,
      ...limits,
      cacheDirectory: cache.directory,
      otherCaches: cache.others,
    })
}

/** A cache is given by its own directory, or by the home that it is in. */
function cacheDirectory(given: string): string {
  const inside = join(given, 'cache')
  return existsSync(join(inside, 'format.json')) ? inside : given
}
