import { mkdir, readdir, rename, rm } from 'node:fs/promises'
import { join } from 'node:path'
import type { Results } from './open-results.ts'

/** A copy of the results as they were. */
export interface Snapshot {
  readonly path: string
  /** Up to when rows were recorded that it has. */
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
  #taking: Promise<Held> | undefined
  #serial = 0

  /** @param results Open for writing. */
  constructor(results: Results, options: SnapshotOptions) {
    this.#results = results
    this.#options = options
  }

  /** Read the results: the file stays until the task has ended. */
  async use<Result>(task: (snapshot: Snapshot) => Promise<Result>): Promise<Result> {
    const snapshot = await this.#current()
    snapshot.users += 1
    try {
      return await task(snapshot)
    } finally {
      snapshot.users -= 1
      await this.#removeUnused(snapshot)
    }
  }

  /** Remove the last one. Nobody may be reading. */
  async close(): Promise<void> {
    const latest = this.#latest
    this.#latest = undefined
    if (latest !== undefined) await rm(latest.path, { force: true })
  }

  async #current(): Promise<Held> {
    const latest = this.#latest
    const { intervalMs = 1000 } = this.#options
    if (latest !== undefined) {
      const isFresh = latest.writes === this.#results.writes || Date.now() - latest.asOf.getTime() < intervalMs
      if (isFresh) return latest
    }
    this.#taking ??= this.#take().finally(() => {
      this.#taking = undefined
    })
    return this.#taking
  }

  async #take(): Promise<Held> {
    const { folder } = this.#options
    if (this.#serial === 0) await removeEarlier(folder)
    this.#serial += 1
    const path = join(folder, `${process.pid}-${this.#serial}${suffix}`)
    const temporary = `${path}.tmp`
    const writes = this.#results.writes
    const asOf = new Date()
    try {
      await this.#results.copyTo(temporary)
      await rename(temporary, path)
    } finally {
      await rm(temporary, { force: true })
    }
    const before = this.#latest
    this.#latest = { path, asOf, writes, users: 0 }
    if (before !== undefined) await this.#removeUnused(before)
    return this.#latest
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
