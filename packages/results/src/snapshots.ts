import { mkdir, readdir, rename, rm, utimes } from 'node:fs/promises'
import { join } from 'node:path'
import { ResultsNotWrittenError } from './open-database.ts'
import type { Results } from './open-results.ts'

/** A copy of the results as they were. */
export interface Snapshot {
  readonly path: string
  /** Up to when rows were recorded that it has; the file’s time of change. */
  readonly asOf: Date
}

/** How snapshots are taken. */
export interface SnapshotOptions {
  /** Where they lie; what is there of an earlier process is removed. */
  readonly folder: string
  /** A snapshot is used for at least so long, though rows have been recorded since. Default 1,000. */
  readonly intervalMs?: number
}

interface Held extends Snapshot {
  /** `Results.writes` when it was taken. */
  readonly writes: number
  users: number
}

const suffix = '.snapshot.duckdb'

/** Copies of an open results file for those who read, so that they neither wait for a writer nor hold one up.
 *
 *  One is taken when somebody reads, rows have been written since the last one, and that is old enough; it is removed
 *  when there is a newer one and nobody reads it any more.
 */
export class Snapshots {
  readonly #results: Results
  readonly #options: SnapshotOptions
  #latest: Held | undefined
  #taking: Promise<void> | undefined
  #fullAt = 0
  #serial = 0

  /** @param results Open for writing. */
  constructor(results: Results, options: SnapshotOptions) {
    this.#results = results
    this.#options = options
  }

  /** Read the results: the file stays until the task has ended. Where the disk has no room for a new snapshot, the last one
   *  is read.
   *
   *  @throws {ResultsNotWrittenError} when there is no room for one, and none of before.
   */
  async use<Result>(task: (snapshot: Snapshot) => Promise<Result>): Promise<Result> {
    const { intervalMs = 1000 } = this.#options
    return this.#hold(await this.#current(Date.now() - intervalMs, intervalMs), task)
  }

  /** Read the results with all that was written before this call.
   *
   *  @throws {ResultsNotWrittenError} when there is no room for a snapshot.
   */
  async useNewest<Result>(task: (snapshot: Snapshot) => Promise<Result>): Promise<Result> {
    return this.#hold(await this.#current(Date.now(), 0), task)
  }

  /** Remove the last one. Nobody may be reading. */
  async close(): Promise<void> {
    const latest = this.#latest
    this.#latest = undefined
    if (latest !== undefined) await rm(latest.path, { force: true })
  }

  async #hold<Result>(snapshot: Held, task: (snapshot: Snapshot) => Promise<Result>): Promise<Result> {
    snapshot.users += 1
    try {
      return await task(snapshot)
    } finally {
      snapshot.users -= 1
      await this.#removeUnused(snapshot)
    }
  }

  /** @param oldest When one was taken that is new enough, in milliseconds of the epoch.
   *  @param patienceMs How long the last one is read after the disk was full; 0: such a failure is thrown.
   */
  async #current(oldest: number, patienceMs: number): Promise<Held> {
    for (;;) {
      const latest = this.#latest
      const isFresh = latest?.writes === this.#results.writes || (latest?.asOf.getTime() ?? 0) > oldest
      if (latest !== undefined && (isFresh || Date.now() < this.#fullAt + patienceMs)) return latest
      // One that was begun before may lack what was written since: then the next is waited for.
      this.#taking ??= this.#take().finally(() => {
        this.#taking = undefined
      })
      try {
        await this.#taking
      } catch (error) {
        if (!(error instanceof ResultsNotWrittenError)) throw error
        this.#fullAt = Date.now()
        if (patienceMs === 0 || this.#latest === undefined) throw error
      }
    }
  }

  async #take(): Promise<void> {
    const { folder } = this.#options
    if (this.#serial === 0) await removeEarlier(folder)
    this.#serial += 1
    const path = join(folder, `${process.pid}-${this.#serial}${suffix}`)
    const temporary = `${path}.tmp`
    const writes = this.#results.writes
    const asOf = new Date()
    try {
      await this.#results.copyTo(temporary)
      await utimes(temporary, asOf, asOf)
      await rename(temporary, path)
    } finally {
      await rm(temporary, { force: true })
    }
    const before = this.#latest
    this.#latest = { path, asOf, writes, users: 0 }
    if (before !== undefined) await this.#removeUnused(before)
  }

  async #removeUnused(snapshot: Held): Promise<void> {
    if (snapshot.users === 0 && snapshot !== this.#latest) await rm(snapshot.path, { force: true })
  }
}

async function removeEarlier(folder: string): Promise<void> {
  await mkdir(folder, { recursive: true })
  for (const name of await readdir(folder)) {
    if (name.endsWith(suffix) || name.endsWith(`${suffix}.tmp`)) await rm(join(folder, name), { force: true })
  }
}
