import { readdir, rm, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { UserError } from '@isthmus/tensor'
import type { ActionRecord } from './action-log.ts'
import type { Cache } from './cache.ts'
import type { Digest } from './digest.ts'
import { translateWriteError } from './errors.ts'
import { listBlobs, type StoredBlob } from './list-blobs.ts'

/** What is garbage. With neither `keepKeys` nor `olderThanDays`, blobs that no record names. */
export interface GarbageOptions {
  /** Records of other keys go. */
  readonly keepKeys?: ReadonlySet<Digest>
  /** Records that were made longer ago go. */
  readonly olderThanDays?: number
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
 *  @throws {UserError} when both `keepKeys` and `olderThanDays` are given, or the cache is read-only.
 */
export async function collectGarbage(cache: Cache, options: GarbageOptions = {}): Promise<GarbageReport> {
  const { keepKeys, olderThanDays, graceMinutes = 60, dryRun = false } = options
  if (keepKeys !== undefined && olderThanDays !== undefined) {
    throw new UserError('Garbage is what is not among keepKeys, or what is older than olderThanDays: give one of them.')
  }
  if (cache.readOnly && !dryRun) {
    throw new UserError(`The cache ${cache.directory} was opened to be read only: open it for writing, or use dryRun.`)
  }
  const now = Date.now()
  const spared = now - graceMinutes * 60_000
  const oldest = olderThanDays === undefined ? undefined : now - olderThanDays * 86_400_000
  const keep = ({ key, createdAt }: ActionRecord) => {
    const made = Date.parse(createdAt)
    if (made > spared) return true
    if (keepKeys !== undefined) return keepKeys.has(key)
    return oldest === undefined || made >= oldest
  }
  cache.actions.refresh()
  const records = [...cache.actions.records()]
  const kept = records.filter(keep)
  const { garbage, used } = await divideBlobs(cache, kept, spared)
  const abandoned = await cache.partial.abandoned()
  if (!dryRun) {
    for (const key of abandoned) cache.partial.remove(key)
    if (kept.length < records.length) await cache.actions.rewrite(keep)
    await removeAll(cache, garbage, spared)
  }
  return {
    records: records.length - kept.length,
    blobs: garbage.length,
    bytes: totalBytes(garbage),
    abandoned: abandoned.length,
    keptRecords: kept.length,
    keptBlobs: used.length,
    keptBytes: totalBytes(used),
  }
}

async function divideBlobs(
  cache: Cache,
  kept: readonly ActionRecord[],
  spared: number,
): Promise<{ garbage: StoredBlob[]; used: StoredBlob[] }> {
  const named = new Set(kept.flatMap(({ output }) => Object.values(output.blobs)))
  const garbage: StoredBlob[] = []
  const used: StoredBlob[] = []
  for await (const blob of listBlobs(cache)) {
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
