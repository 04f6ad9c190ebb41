import type { LiveRun } from '@isthmus/remote'

/** How long a run that says nothing is taken to go on. */
const silentMilliseconds = 60_000
/** How long one that has ended is listed. */
const endedMilliseconds = 3_600_000
const maximumRuns = 1000

/** What happens at a server, for those who look on. */
export type ServerEvent =
  | { readonly type: 'run'; readonly run: LiveRun }
  | { readonly type: 'rows'; readonly studies: readonly string[] }
  | { readonly type: 'disagreement'; readonly key: string }

/** Runs that go on, or have ended lately, as they say themselves; and those who look on. */
export class LiveRuns {
  readonly #runs = new Map<string, LiveRun>()
  readonly #listeners = new Set<(event: ServerEvent) => void>()

  /** Take notice of a run. */
  put(run: LiveRun): void {
    this.#runs.delete(run.id)
    this.#runs.set(run.id, run)
    const [oldest] = this.#runs.keys()
    if (this.#runs.size > maximumRuns && oldest !== undefined) this.#runs.delete(oldest)
    this.announce({ type: 'run', run })
  }

  /** The latest first. A run that has said nothing for a minute is taken to be interrupted. */
  list(now = Date.now()): LiveRun[] {
    const runs: LiveRun[] = []
    for (const [id, run] of this.#runs) {
      const silent = now - Date.parse(run.updatedAt)
      if (silent > endedMilliseconds) this.#runs.delete(id)
      else if (run.state === 'running' && silent > silentMilliseconds) runs.push({ ...run, state: 'interrupted' })
      else runs.push(run)
    }
    return runs.reverse()
  }

  /** Tell all who look on. */
  announce(event: ServerEvent): void {
    for (const listener of this.#listeners) listener(event)
  }

  /** @returns Ends it. */
  listen(listener: (event: ServerEvent) => void): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }
}
