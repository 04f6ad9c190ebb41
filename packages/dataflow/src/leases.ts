import {
  linkSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  type Stats,
  statSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import type { Digest } from './digest.ts'
import { translateWriteError } from './errors.ts'
import { hostToken, isAlive } from './process-identity.ts'
import { temporaryPath } from './temporary-directory.ts'

/** Who computes a node at the moment. */
export interface LeaseHolder {
  readonly pid: number
  readonly host: string
  /** ISO 8601. */
  readonly started: string
}

/** How often a holder shows that it lives, and after how long without a sign it is taken to be gone. */
export interface LeaseTiming {
  /** Default 2. */
  readonly heartbeatSeconds?: number
  /** Default 15. */
  readonly staleSeconds?: number
}

interface Sighting {
  readonly inode: number
  readonly modified: number
  /** On this process's monotonic clock, in milliseconds. */
  readonly since: number
}

/** Marks of which nodes are being computed, so that runs at the same time share work.
 *
 *  A lease is a hard link to one small file of its process, so taking one is a single system call and one `utimes`
 *  shows for all of a process's leases that it lives. Leases only save work: were one lost, a node would be computed
 *  twice, with the same result.
 */
export class Leases {
  readonly #directory: string
  readonly #cacheDirectory: string
  readonly #heartbeat: number
  readonly #stale: number
  readonly #sightings = new Map<Digest, Sighting>()
  readonly #held = new Set<Digest>()
  #own: { path: string; inode: number } | undefined
  #timer: NodeJS.Timeout | undefined
  #lastBeat = 0

  constructor(cacheDirectory: string, timing: LeaseTiming) {
    this.#cacheDirectory = cacheDirectory
    this.#directory = join(cacheDirectory, 'leases')
    this.#heartbeat = (timing.heartbeatSeconds ?? 2) * 1000
    this.#stale = (timing.staleSeconds ?? 15) * 1000
  }

  /** Take the lease of a key, also from a holder that is gone.
   *
   *  @returns Undefined when taken; otherwise who holds it.
   *  @throws {CacheWriteError} when the directory may not be written.
   */
  acquire(key: Digest): LeaseHolder | undefined {
    for (;;) {
      if (this.#link(key)) return undefined
      const holder = this.holder(key)
      if (holder !== undefined) return holder
    }
  }

  /** Who holds the lease of a key and lives; a lease whose holder is gone is removed. */
  holder(key: Digest): LeaseHolder | undefined {
    const path = join(this.#directory, key)
    const stats = statSync(path, { throwIfNoEntry: false })
    const holder = stats && readHolder(path)
    if (stats === undefined || holder === undefined) {
      this.#sightings.delete(key)
      return undefined
    }
    if (!this.#isGone(key, stats, holder)) return holder
    this.#evict(path, stats.ino)
    this.#sightings.delete(key)
    return undefined
  }

  /** Give back a lease, unless another process took it meanwhile. */
  release(key: Digest): void {
    this.#held.delete(key)
    if (this.#isOwn(key)) rmSync(join(this.#directory, key), { force: true })
  }

  /** Remove the leases of holders that are gone. */
  removeStale(): void {
    for (const name of readdirSync(this.#directory)) this.holder(name as Digest)
  }

  /** Stop showing that this process lives. */
  close(): void {
    clearInterval(this.#timer)
    if (this.#own) rmSync(this.#own.path, { force: true })
    this.#own = undefined
  }

  #link(key: Digest): boolean {
    try {
      this.#own ??= this.#createOwn()
      if (performance.now() - this.#lastBeat > this.#heartbeat) this.#beat(this.#own.path)
      linkSync(this.#own.path, join(this.#directory, key))
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw translateWriteError(error, this.#cacheDirectory)
      // Over a network, a link whose reply was lost is made again, and found to exist.
      if (this.#held.has(key) || !this.#isOwn(key)) return false
    }
    this.#held.add(key)
    return true
  }

  #isOwn(key: Digest): boolean {
    return statSync(join(this.#directory, key), { throwIfNoEntry: false })?.ino === this.#own?.inode
  }

  #createOwn(): { path: string; inode: number } {
    const path = temporaryPath(join(this.#cacheDirectory, 'tmp'))
    const holder: LeaseHolder = { pid: process.pid, host: hostToken, started: new Date().toISOString() }
    writeFileSync(path, JSON.stringify(holder), { flag: 'wx' })
    this.#lastBeat = performance.now()
    this.#timer = setInterval(() => this.#beat(path), this.#heartbeat)
    this.#timer.unref()
    return { path, inode: statSync(path).ino }
  }

  #beat(path: string): void {
    const now = new Date()
    try {
      utimesSync(path, now, now)
      this.#lastBeat = performance.now()
    } catch {
      this.#lastBeat = Number.NEGATIVE_INFINITY
    }
  }

  /** A dead process of this host is gone at once. Otherwise time decides, during which this process saw no sign: clocks
   *  differ between hosts, and jump.
   */
  #isGone(key: Digest, stats: Stats, holder: LeaseHolder): boolean {
    if (holder.host === hostToken && !isAlive(holder.pid)) return true
    const seen = this.#sightings.get(key)
    if (seen === undefined || seen.inode !== stats.ino || seen.modified !== stats.mtimeMs) {
      this.#sightings.set(key, { inode: stats.ino, modified: stats.mtimeMs, since: performance.now() })
      return false
    }
    return performance.now() - seen.since > this.#stale
  }

  /** Take a lease away: by renaming, which only one of several processes can do, then looking whether it was the one
   *  meant; a lease that had been taken anew meanwhile is put back.
   */
  #evict(path: string, inode: number): void {
    const aside = temporaryPath(join(this.#cacheDirectory, 'tmp'))
    try {
      renameSync(path, aside)
      if (statSync(aside).ino !== inode) linkSync(aside, path)
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException
      if (code !== 'ENOENT' && code !== 'EEXIST') throw translateWriteError(error, this.#cacheDirectory)
    } finally {
      rmSync(aside, { force: true })
    }
  }
}

/** Undefined when the lease has gone, or is no lease. */
function readHolder(path: string): LeaseHolder | undefined {
  try {
    return JSON.parse(readFileSync(path, 'utf8')) as LeaseHolder
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT' && !(error instanceof SyntaxError)) throw error
    return undefined
  }
}
