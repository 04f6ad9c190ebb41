import type { ActionRecord, CacheTier, Digest } from '@isthmus/dataflow'
import { ServerUnavailableError } from './remote-errors.ts'

const pauseMilliseconds = 30_000

/** A tier that goes on without its server while it cannot be reached, and asks again after half a minute.
 *
 *  @param onUnavailable Told once for each time that it goes away.
 */
export function offlineTier(server: CacheTier, onUnavailable: (error: ServerUnavailableError) => void): CacheTier {
  let askAgainAt = 0
  let isAway = false
  return {
    name: server.name,
    async lookup(keys): Promise<ReadonlyMap<Digest, ActionRecord>> {
      if (performance.now() < askAgainAt) return new Map()
      try {
        const found = await server.lookup(keys)
        isAway = false
        return found
      } catch (error) {
        if (!(error instanceof ServerUnavailableError)) throw error
        askAgainAt = performance.now() + pauseMilliseconds
        if (!isAway) onUnavailable(error)
        isAway = true
        return new Map()
      }
    },
    fetch: (blob, path) => server.fetch(blob, path),
  }
}
