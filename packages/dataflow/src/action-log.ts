import { hash } from 'node:crypto'
import { closeSync, fstatSync, openSync, readdirSync, readFileSync } from 'node:fs'
import { unlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Artifact } from './artifact.ts'
import { decodeCheckedLine, encodeCheckedLine } from './checked-line.ts'
import type { Digest, Json } from './digest.ts'
import { translateWriteError } from './errors.ts'
import type { InputDigests } from './node.ts'
import { publishFile } from './publish-file.ts'
import { temporaryPath } from './temporary-directory.ts'

/** What was computed once: a key, all that went into it, and what came out. Holds no path and no host. */
export interface ActionRecord {
  readonly key: Digest
  readonly operation: string
  readonly version: number
  readonly params: Json
  readonly inputs: InputDigests
  readonly output: Artifact<Json>
  readonly seconds: number
  /** The highest resident size of the process that ran it, up to its end; in bytes. */
  readonly peakMemoryBytes?: number
  /** ISO 8601. */
  readonly createdAt: string
}

/** Lines of a pack whose checksum is wrong; their records are computed again when needed. */
export interface DamagedPack {
  readonly path: string
  /** Counted from 1. */
  readonly lines: readonly number[]
}

const packSuffix = '.jsonl'
const commitIntervalMilliseconds = 20
/** Within this time of a change, a directory's time of change may hide another one. */
const timestampGranularityMilliseconds = 50

interface Pending {
  readonly record: ActionRecord
  readonly resolve: () => void
  readonly reject: (error: Error) => void
}

/** The records of a cache: immutable pack files, each the records that finished within a moment, and an index over
 *  all of them in memory.
 *
 *  Any number of processes may append. A pack is published whole or not at all, with one fsync for all its records.
 */
export class ActionLog {
  readonly #cacheDirectory: string
  readonly #directory: string
  readonly #records = new Map<Digest, ActionRecord[]>()
  readonly #loaded = new Set<string>()
  readonly #damaged: DamagedPack[] = []
  #listedAt = { changed: -1, settled: false }
  #pending: Pending[] = []
  #committing: Promise<void> | undefined
  #hurry: (() => void) | undefined

  /** @param cacheDirectory That of the cache; packs are in its folder `actions`. */
  constructor(cacheDirectory: string) {
    this.#cacheDirectory = cacheDirectory
    this.#directory = join(cacheDirectory, 'actions')
  }

  /** How many packs have been read. */
  get packCount(): number {
    return this.#loaded.size
  }

  /** Packs that were found to have damaged lines. */
  get damaged(): readonly DamagedPack[] {
    return this.#damaged
  }

  /** All records known, those of one key beside each other. */
  *records(): Iterable<ActionRecord> {
    for (const records of this.#records.values()) yield* records
  }

  /** The records of a key, the first made first. More than one where a result was lost, or differed. */
  of(key: Digest): readonly ActionRecord[] {
    return this.#records.get(key) ?? []
  }

  /** Read packs that appeared since the last call, of any process. Lists the directory where its time of change says
   *  that there may be any.
   *
   *  @param relist List it in any case: where another process is known to have done something, and the file system's
   *    times may be coarse or late.
   */
  refresh({ relist = false }: { readonly relist?: boolean } = {}): void {
    const changed = timeOfChange(this.#directory)
    if (changed === undefined || (!relist && changed === this.#listedAt.changed && this.#listedAt.settled)) return
    this.#listedAt = { changed, settled: Math.abs(Date.now() - changed) > timestampGranularityMilliseconds }
    for (const name of readdirSync(this.#directory)) {
      if (name.endsWith(packSuffix) && !this.#loaded.has(name)) this.#load(name)
    }
  }

  /** Append a record. Records of the same moment share one pack.
   *
   *  @returns Resolves when the record is durable.
   *  @throws {CacheWriteError} when the disk is full or may not be written.
   */
  append(record: ActionRecord): Promise<void> {
    const durable = new Promise<void>((resolve, reject) => this.#pending.push({ record, resolve, reject }))
    this.#committing ??= this.#commitPending()
    return durable
  }

  /** Do not wait for more records to share a pack. */
  hurry(): void {
    this.#hurry?.()
  }

  /** Write all records anew into one pack, without damaged lines and without those to be dropped, and remove the packs
   *  that it replaces. Safe beside other processes: what they publish meanwhile is left alone.
   */
  async rewrite(keep: (record: ActionRecord) => boolean): Promise<void> {
    this.refresh()
    const replaced = [...this.#loaded]
    const kept: ActionRecord[] = []
    const dropped: ActionRecord[] = []
    for (const record of this.records()) (keep(record) ? kept : dropped).push(record)
    const merged = kept.length > 0 ? await this.#writePack(kept) : undefined
    for (const record of dropped) this.#remove(record)
    this.#damaged.length = 0
    for (const name of replaced) {
      if (name === merged) continue
      await unlink(join(this.#directory, name)).catch((error: NodeJS.ErrnoException) => {
        if (error.code !== 'ENOENT') throw translateWriteError(error, this.#cacheDirectory)
      })
      this.#loaded.delete(name)
    }
  }

  async #commitPending(): Promise<void> {
    while (this.#pending.length > 0) {
      await this.#gather()
      const batch = this.#pending
      this.#pending = []
      try {
        await this.#writePack(batch.map(({ record }) => record))
        for (const { record, resolve } of batch) {
          this.#insert(record)
          resolve()
        }
      } catch (error) {
        for (const { reject } of batch) reject(error as Error)
      }
    }
    this.#committing = undefined
  }

  /** Let records gather for a moment, or until told to hurry. */
  #gather(): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(done, commitIntervalMilliseconds)
      function done() {
        clearTimeout(timer)
        resolve()
      }
      this.#hurry = done
    })
  }

  async #writePack(records: readonly ActionRecord[]): Promise<string> {
    const text = records.map(encodeCheckedLine).join('')
    const name = hash('sha256', text).slice(0, 32) + packSuffix
    const temporary = temporaryPath(join(this.#cacheDirectory, 'tmp'))
    try {
      await writeFile(temporary, text, { flag: 'wx', mode: 0o444 })
      await publishFile(temporary, join(this.#directory, name))
    } catch (error) {
      await unlink(temporary).catch(() => undefined)
      throw translateWriteError(error, this.#cacheDirectory)
    }
    this.#loaded.add(name)
    return name
  }

  #load(name: string): void {
    const path = join(this.#directory, name)
    const text = readIfThere(path)
    if (text === undefined) return
    this.#loaded.add(name)
    const lines = text.split('\n')
    const damaged: number[] = []
    for (let i = 0; i < lines.length; i++) {
      if (lines[i] === '' && i === lines.length - 1) break
      const record = decodeCheckedLine(lines[i]!)
      if (record === undefined) damaged.push(i + 1)
      else this.#insert(record as ActionRecord)
    }
    if (damaged.length > 0) this.#damaged.push({ path, lines: damaged })
  }

  #insert(record: ActionRecord): void {
    const records = this.#records.get(record.key)
    if (records === undefined) {
      this.#records.set(record.key, [record])
    } else if (!records.some((known) => known.output.digest === record.output.digest)) {
      records.push(record)
      records.sort(byAge)
    }
  }

  #remove(record: ActionRecord): void {
    const others = this.of(record.key).filter((other) => other !== record)
    if (others.length > 0) this.#records.set(record.key, others)
    else this.#records.delete(record.key)
  }
}

function byAge(left: ActionRecord, right: ActionRecord): number {
  if (left.createdAt !== right.createdAt) return left.createdAt < right.createdAt ? -1 : 1
  return left.output.digest < right.output.digest ? -1 : 1
}

/** Of a directory that is opened for it: over a network, opening asks the server, where a path's times may be cached.
 *
 *  @returns Milliseconds; undefined when it is missing.
 */
function timeOfChange(directory: string): number | undefined {
  try {
    const descriptor = openSync(directory, 'r')
    try {
      return fstatSync(descriptor).mtimeMs
    } finally {
      closeSync(descriptor)
    }
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
    throw error
  }
}

/** Another process may have merged a pack into another since the directory was listed. */
function readIfThere(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
    throw error
  }
}
