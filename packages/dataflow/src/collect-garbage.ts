import { readdir, rm, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { UserError } from '@isthmus/tensor'
import type { ActionRecord } from './action-log.ts'
import type { Cache } from './cache.ts'
import type { Digest } from './digest.ts'
import { translateWriteError } from './errors.ts'
import { listBlobs, type StoredBlob } from './list-blobs.ts'
import type { RunUse } from './run-uses.ts'
import { fetchedDirectory } from './tier-store.ts'

/** What is garbage. With none of the rules, blobs that no record names, and copies of blobs that the tier has. Of what runs used, what has a tag always stays. */
export interface GarbageOptions {
  /** Only what the last run of these used stays, e.g. names of studies. */
  readonly names?: readonly string[]
  /** What was last used, or made, longer ago goes. */
  readonly olderThanDays?: number
  /** What is left is at most so large: what was used least recently goes. */
  readonly maximumBytes?: number
  /** Nothing younger than this goes, so that what a run is making at the moment is safe. Default 60. */
  readonly graceMinutes?: number
  /** Say what would go, and remove nothing. Default false. */
  readonly dryRun?: boolean
}

/** What went, or would go. */
export interface GarbageReport {
  readonly records: number
  readonly blobs: number
  readonly bytes: number
  /** Nodes of which unfinished work is kept that nothing has touched for a month. */
  readonly abandoned: number
  readonly keptRecords: number
  readonly keptBlobs: number
  readonly keptBytes: number
}

/** Remove records that are not to be kept, and blobs that no record names.
 *
 *  Safe beside running sweeps: what is young is spared, and a run that misses a blob computes it again.
 *  @throws {UserError} when a name is not of any run, or the cache is read-only.
 */
export async function collectGarbage(cache: Cache, options: GarbageOptions = {}): Promise<GarbageReport> {
  const { graceMinutes = 60, dryRun = false } = options
  if (cache.readOnly && !dryRun) {
    throw new UserError(`The cache ${cache.directory} was opened to be read only: open it for writing, or use dryRun.`)
  }
  const spared = Date.now() - graceMinutes * 60_000
  cache.actions.refresh()
  const records = [...cache.actions.records()]
  const usage = new Usage(cache.uses.list(), spared)
  const blobs: StoredBlob[] = []
  for await (const blob of listBlobs(cache.directory)) blobs.push(blob)
  const kept = withinSize(blobs, records.filter(rule(usage, options)), usage, options.maximumBytes)
  const goes = new Set(records)
  for (const record of kept) goes.delete(record)
  const { garbage, used } = divideBlobs(blobs, kept, spared)
  for await (const copy of listBlobs(fetchedDirectory(cache.directory))) if (copy.modified <= spared) garbage.push(copy)
  const abandoned = await cache.partial.abandoned()
  if (!dryRun) {
    for (const key of abandoned) cache.partial.remove(key)
    if (goes.size > 0) await cache.actions.rewrite((record) => !goes.has(record))
    await removeAll(cache, garbage, spared)
  }
  return {
    records: goes.size,
    blobs: garbage.length,
    bytes: totalBytes(garbage),
    abandoned: abandoned.length,
    keptRecords: kept.length,
    keptBlobs: used.length,
    keptBytes: totalBytes(used),
  }
}

/** When records were last used, and which of them must stay whatever the rules say. */
class Usage {
  readonly #uses: readonly RunUse[]
  readonly #last = new Map<Digest, number>()
  readonly #tagged: ReadonlySet<Digest>
  readonly #spared: number

  constructor(uses: readonly RunUse[], spared: number) {
    this.#uses = uses
    this.#spared = spared
    for (const { at, keys } of uses) {
      const time = Date.parse(at)
      for (const key of keys) this.#last.set(key, Math.max(time, this.#last.get(key) ?? time))
    }
    this.#tagged = new Set(uses.filter(({ tag }) => tag !== null).flatMap(({ keys }) => keys))
  }

  lastUse({ key, createdAt }: ActionRecord): number {
    return Math.max(Date.parse(createdAt), this.#last.get(key) ?? Number.NEGATIVE_INFINITY)
  }

  /** What a run may be making at the moment, and what has a tag. */
  isProtected(record: ActionRecord): boolean {
    return Date.parse(record.createdAt) > this.#spared || this.#tagged.has(record.key)
  }

  /** @throws {UserError} naming a name of which no run is known. */
  keysOf(names: readonly string[]): ReadonlySet<Digest> {
    const known = [...new Set(this.#uses.map(({ name }) => name))].sort()
    const unknown = names.find((name) => !known.includes(name))
    if (unknown !== undefined) {
      throw new UserError(
        `The cache knows no run of '${unknown}': there are runs of ${known.join(', ') || 'nothing'}; name one of these.`,
      )
    }
    return new Set(this.#uses.filter(({ name }) => names.includes(name)).flatMap(({ keys }) => keys))
  }
}

/** Whether a record stays by its names and its age. */
function rule(usage: Usage, { names, olderThanDays }: GarbageOptions): (record: ActionRecord) => boolean {
  const keys = names === undefined ? undefined : usage.keysOf(names)
  const oldest = olderThanDays === undefined ? Number.NEGATIVE_INFINITY : Date.now() - olderThanDays * 86_400_000
  return (record) =>
    usage.isProtected(record) || ((keys === undefined || keys.has(record.key)) && usage.lastUse(record) >= oldest)
}

/** Drop the records that were used least recently until the blobs of the others are small enough. */
function withinSize(
  blobs: readonly StoredBlob[],
  records: readonly ActionRecord[],
  usage: Usage,
  maximumBytes: number | undefined,
): readonly ActionRecord[] {
  if (maximumBytes === undefined) return records
  const sizes = new Map(blobs.map(({ digest, bytes }) => [digest, bytes]))
  const users = new Map<Digest, number>()
  for (const { output } of records) {
    for (const blob of new Set(Object.values(output.blobs))) users.set(blob, (users.get(blob) ?? 0) + 1)
  }
  let bytes = [...users.keys()].reduce((sum, blob) => sum + (sizes.get(blob) ?? 0), 0)
  const dropped = new Set<ActionRecord>()
  for (const record of [...records].sort((a, b) => usage.lastUse(a) - usage.lastUse(b))) {
    if (bytes <= maximumBytes) break
    if (usage.isProtected(record)) continue
    dropped.add(record)
    for (const blob of new Set(Object.values(record.output.blobs))) {
      users.set(blob, users.get(blob)! - 1)
      if (users.get(blob) === 0) bytes -= sizes.get(blob) ?? 0
    }
  }
  return records.filter((record) => !dropped.has(record))
}

function divideBlobs(
  blobs: readonly StoredBlob[],
  kept: readonly ActionRecord[],
  spared: number,
): { garbage: StoredBlob[]; used: StoredBlob[] } {
  const named = new Set(kept.flatMap(({ output }) => Object.values(output.blobs)))
  const garbage: StoredBlob[] = []
  const used: StoredBlob[] = []
  for (const blob of blobs) {
    if (named.has(blob.digest) || blob.modified > spared) used.push(blob)
    else garbage.push(blob)
  }
  return { garbage, used }
}

/** Records that other processes have published since are respected; quarantined blobs go when they are old. */
async function removeAll(cache: Cache, garbage: readonly StoredBlob[], spared: number): Promise<void> {
  cache.actions.refresh()
  const named = new Set<Digest>()
  for (const { output } of cache.actions.records()) for (const blob of Object.values(output.blobs)) named.add(blob)
  const quarantine = join(cache.directory, 'quarantine')
  const quarantined = (await readdir(quarantine).catch(() => [])).map((name) => join(quarantine, name))
  const paths = [...garbage.filter(({ digest }) => !named.has(digest)).map(({ path }) => path), ...quarantined]
  try {
    for (const path of paths) {
      const stats = await stat(path).catch(() => undefined)
      if (stats !== undefined && stats.mtimeMs <= spared) await rm(path, { force: true })
    }
  } catch (error) {
    throw translateWriteError(error, cache.directory)
  }
}

function totalBytes(blobs: readonly StoredBlob[]): number {
  return blobs.reduce((total, { bytes }) => total + bytes, 0)
}
