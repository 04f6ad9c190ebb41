import { setMaxListeners } from 'node:events'
import type { Cache } from './cache.ts'
import { translateWriteError } from './errors.ts'
import { type Executor, executeJob, operationsById } from './job.ts'
import type { AnyOperation } from './operation.ts'

/** Run jobs in this process: for operations that are cheap or do not block, and for tests.
 *
 *  @param slots Jobs at once. Default 4.
 */
export function inProcessExecutor(
  operations: readonly AnyOperation[],
  cache: Cache,
  { slots = 4 }: { readonly slots?: number } = {},
): Executor {
  const byId = operationsById(operations)
  const closed = new AbortController()
  const signals = new WeakMap<AbortSignal, AbortSignal>()
  const endingWith = (run: AbortSignal) => {
    const signal = signals.get(run) ?? AbortSignal.any([run, closed.signal])
    setMaxListeners(0, signal)
    signals.set(run, signal)
    return signal
  }
  return {
    slots,
    execute: async (job, hooks) => {
      closed.signal.throwIfAborted()
      hooks.signal.throwIfAborted()
      const { progress } = hooks
      try {
        return await executeJob(byId, cache, job, { progress, signal: endingWith(hooks.signal) })
      } catch (error) {
        hooks.signal.throwIfAborted()
        throw translateWriteError(error, cache.directory)
      }
    },
    close: async () => closed.abort(),
  }
}
