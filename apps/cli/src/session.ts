import { existsSync } from 'node:fs'
import { delimiter, join } from 'node:path'
import { type Cache, type CacheTier, type Executor, openCache, type WritableTier } from '@isthmus/dataflow'
import { chooseExecutor, type ExecutorOptions } from './choose-executor.ts'
import { isthmusHome } from './home.ts'

/** What a command that computes works with. */
export interface Session extends AsyncDisposable {
  readonly cache: Cache
  readonly executor: Executor
  /** Aborted by the first Ctrl-C; a second one ends the process at once. */
  readonly signal: AbortSignal
}

/** What the command line says of how to compute, and with what. */
export interface SessionOptions extends ExecutorOptions {
  /** Directories of caches that are read beside one's own. Default: those of `ISTHMUS_CACHE_FROM`, as in a PATH. */
  readonly cacheFrom?: readonly string[]
}

/** What of a team a session needs: its tier for the cache, and where machines elsewhere leave their results. */
export interface SessionTeam {
  readonly tier: CacheTier
  readonly server: WritableTier
}

/** Open the cache and a pool of worker processes, and take Ctrl-C.
 *
 *  @throws {UserError} when a directory holds no cache, or as `chooseExecutor` does.
 */
export async function openSession(options: SessionOptions = {}, team?: SessionTeam): Promise<Session> {
  const openExecutor = chooseExecutor(options, team?.server)
  const { cacheFrom = [] } = options
  const others =
    cacheFrom.length > 0 ? cacheFrom : (process.env.ISTHMUS_CACHE_FROM ?? '').split(delimiter).filter(Boolean)
  const cache = await openCache(isthmusHome().cache, {
    others: others.map(cacheDirectory),
    ...(team === undefined ? {} : { tier: team.tier }),
  })
  const executor = await openExecutor(cache)
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
