import { accessSync, constants, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { rename } from 'node:fs/promises'
import { dirname, join, resolve } from 'node:path'
import { UserError } from '@isthmus/tensor'
import { ActionLog, type ActionRecord } from './action-log.ts'
import { BlobStore } from './blob-store.ts'
import type { CacheTier } from './cache-tier.ts'
import type { Digest } from './digest.ts'
import { translateWriteError } from './errors.ts'
import { Leases, type LeaseTiming } from './leases.ts'
import { PartialWork } from './partial-work.ts'
import { RunUses } from './run-uses.ts'
import { removeAbandoned, temporaryPath } from './temporary-directory.ts'
import { fetchedDirectory, TierStore } from './tier-store.ts'

/** How a cache is opened. */
export interface CacheOptions extends LeaseTiming {
  /** Write nothing: what is cached is served, anything else is an error of the node that would run. Default false. */
  readonly readOnly?: boolean
  /** Directories of other caches, which are read where this one lacks a result, and not written. What is found there is
   *  used where it lies; results that are computed go here. Default none.
   */
  readonly others?: readonly string[]
  /** Asked for what neither this cache nor the others hold. Blobs of it that are needed are copied into the folder
   *  `fetched`; records are not, so that those of this cache are what its own runs have computed. Default none.
   */
  readonly tier?: CacheTier
}

const formatFile = 'format.json'
const format = 1
const mergePacksAbove = 64

/** What has been computed, under one directory that any number of processes may use at once. */
export class Cache {
  /** Absolute. */
  readonly directory: string
  readonly readOnly: boolean
  readonly blobs: BlobStore
  readonly actions: ActionLog
  readonly leases: Leases
  readonly partial: PartialWork
  readonly uses: RunUses
  /** Where blobs may lie beside this cache's: other caches, and what was copied from the tier. Absolute. */
  readonly others: readonly string[]
  readonly #otherActions: readonly ActionLog[]
  readonly #tier: TierStore | undefined

  /** Use `openCache`, which checks the directory. */
  constructor(directory: string, options: CacheOptions) {
    this.directory = directory
    this.readOnly = options.readOnly ?? false
    const others = (options.others ?? []).map((other) => resolve(other))
    this.#tier = options.tier && new TierStore(options.tier, fetchedDirectory(directory))
    this.others = this.#tier === undefined ? others : [...others, this.#tier.directory]
    this.blobs = new BlobStore(directory, this.others)
    this.#otherActions = others.map((other) => new ActionLog(other))
    this.actions = new ActionLog(directory)
    this.leases = new Leases(directory, options)
    this.partial = new PartialWork(directory)
    this.uses = new RunUses(directory)
  }

  /** Read the packs that appeared since the last call, in this cache and in the others.
   *
   *  @param options `relist`: whatever the directories' times of change say.
   */
  refresh(options: { readonly relist?: boolean } = {}): void {
    for (const actions of [this.actions, ...this.#otherActions]) actions.refresh(options)
  }

  /** Every record of this cache, then those of the others. */
  *records(): Iterable<ActionRecord> {
    for (const actions of [this.actions, ...this.#otherActions]) yield* actions.records()
  }

  /** The record of a key, if all its blobs are there. Does not look for new packs; `refresh` does. */
  lookup(key: Digest): ActionRecord | undefined {
    for (const actions of [this.actions, ...this.#otherActions]) {
      const record = actions.of(key).find((candidate) => this.isComplete(candidate))
      if (record !== undefined) return record
    }
    return this.#tier?.get(key)
  }

  /** Whether all blobs of a record are there, or the tier has them. */
  isComplete(record: ActionRecord): boolean {
    if (this.#tier?.get(record.key) === record) return true
    return Object.values(record.output.blobs).every((blob) => this.blobs.has(blob))
  }

  /** Whether there is a tier to ask. */
  get hasTier(): boolean {
    return this.#tier !== undefined
  }

  /** Ask the tier for keys that `lookup` does not find; afterwards it finds those that the tier has. */
  async ask(keys: readonly Digest[]): Promise<void> {
    await this.#tier?.ask(keys)
  }

  /** Know a record that the tier has, with its blobs. */
  adopt(record: ActionRecord): void {
    this.#tier?.add(record)
  }

  /** Compute anew what the tier says to have: it lacks that blob of it. */
  disbelieve(blob: Digest): void {
    this.#tier?.disbelieve(blob)
  }

  /** Copy blobs here that only the tier has.
   *
   *  @throws {CorruptBlobError} for one that it does not give, or gives with another content.
   *  @throws {CacheWriteError} when they cannot be written.
   */
  async bring(blobs: Iterable<Digest>): Promise<void> {
    const tier = this.#tier
    if (tier === undefined) return
    const missing = [...new Set(blobs)].filter((blob) => !this.blobs.has(blob))
    await Promise.all(missing.map((blob) => tier.copy(blob)))
  }

  /** Give back what this process holds. Records being appended must have been awaited. */
  close(): void {
    this.leases.close()
  }
}

/** Open the cache in a directory, which is made unless `readOnly`.
 *
 *      blobs/ab/abcd…   files, named by the SHA-256 of their content
 *      actions/….jsonl  packs of records, one a line with its checksum
 *      leases/<key>     who computes what at the moment
 *      sources/…        digests of files of the user, by path and time of change
 *      uses/…           what runs needed last: the roots of garbage collection
 *      fetched/         blobs that were copied from the tier
 *      partial/<key>/   what operations that take long have done so far
 *      tmp/             what is being written
 *      quarantine/      blobs whose content was not that of their digest
 *
 *  Removes what dead processes left behind, and merges packs when there are many.
 *  @throws {UserError} when the directory cannot be written (or read), or was made by another version of the format.
 */
export async function openCache(directory: string, options: CacheOptions = {}): Promise<Cache> {
  const cache = new Cache(resolve(directory), options)
  if (!cache.readOnly) prepareDirectory(cache.directory)
  await checkFormat(cache.directory, cache.readOnly)
  for (const other of options.others ?? []) await checkFormat(resolve(other), true)
  cache.refresh()
  if (!cache.readOnly) {
    for (const folder of [cache.directory, fetchedDirectory(cache.directory)]) removeAbandoned(join(folder, 'tmp'))
    cache.leases.removeStale()
    if (cache.actions.packCount > mergePacksAbove) await cache.actions.rewrite(() => true)
  }
  return cache
}

function prepareDirectory(directory: string): void {
  try {
    for (const folder of ['blobs', 'actions', 'leases', 'sources', 'tmp']) {
      makeDirectory(join(directory, folder))
      accessSync(join(directory, folder), constants.W_OK)
    }
  } catch (error) {
    throw translateWriteError(error, directory)
  }
}

/** Make a directory and its parents. Where a parent cannot be written, the error says so, as that of `mkdir` does not. */
function makeDirectory(path: string): void {
  try {
    mkdirSync(path, { recursive: true })
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') {
      let parent = dirname(path)
      while (!existsSync(parent)) parent = dirname(parent)
      accessSync(parent, constants.W_OK)
    }
    throw error
  }
}

async function checkFormat(directory: string, readOnly: boolean): Promise<void> {
  const path = join(directory, formatFile)
  if (!existsSync(path)) {
    if (readOnly) {
      throw new UserError(
        `${directory} holds no cache (there is no ${formatFile}): name the directory of a cache, or run once to make one.`,
      )
    }
    const temporary = temporaryPath(join(directory, 'tmp'))
    try {
      writeFileSync(temporary, `${JSON.stringify({ format })}\n`)
      await rename(temporary, path)
    } catch (error) {
      throw translateWriteError(error, directory)
    }
    return
  }
  const found = readFileSync(path, 'utf8').trim()
  if (found !== JSON.stringify({ format })) {
    throw new UserError(
      `The cache ${directory} was made by another version: ${formatFile} should hold ` +
        `${JSON.stringify({ format })} and holds ${found}; remove the directory, or name another one for the cache.`,
    )
  }
}
