import type { Cache } from './cache.ts'
import type { Digest } from './digest.ts'
import { listBlobs } from './list-blobs.ts'

/** What one operation has left in a cache. */
export interface OperationStats {
  readonly operation: string
  readonly records: number
  readonly blobs: number
  /** Of its blobs; a blob that several operations produced counts for each. */
  readonly bytes: number
  /** That computing the records took. */
  readonly seconds: number
}

/** What a cache holds. */
export interface CacheStats {
  readonly records: number
  readonly blobs: number
  readonly bytes: number
  /** Blobs that no record names: garbage, or about to be named. */
  readonly orphanedBlobs: number
  readonly orphanedBytes: number
  /** By bytes, the largest first. */
  readonly operations: readonly OperationStats[]
}

/** Count what a cache holds, by operation. Reads no blob. */
export async function cacheStats(cache: Cache): Promise<CacheStats> {
  cache.actions.refresh()
  const sizes = new Map<Digest, number>()
  for await (const { digest, bytes } of listBlobs(cache.directory)) sizes.set(digest, bytes)
  const operations = new Map<string, { records: number; seconds: number; blobs: Set<Digest> }>()
  const named = new Set<Digest>()
  for (const { operation, seconds, output } of cache.actions.records()) {
    const entry = operations.get(operation) ?? { records: 0, seconds: 0, blobs: new Set() }
    operations.set(operation, entry)
    entry.records += 1
    entry.seconds += seconds
    for (const blob of Object.values(output.blobs)) {
      if (sizes.has(blob)) entry.blobs.add(blob)
      named.add(blob)
    }
  }
  const orphaned = [...sizes].filter(([blob]) => !named.has(blob))
  return {
    records: [...operations.values()].reduce((total, { records }) => total + records, 0),
    blobs: sizes.size,
    bytes: sum(sizes.values()),
    orphanedBlobs: orphaned.length,
    orphanedBytes: sum(orphaned.map(([, bytes]) => bytes)),
    operations: [...operations]
      .map(([operation, { records, seconds, blobs }]) => {
        const bytes = sum([...blobs].map((blob) => sizes.get(blob)!))
        return { operation, records, blobs: blobs.size, bytes, seconds }
      })
      .sort((left, right) => right.bytes - left.bytes || (left.operation < right.operation ? -1 : 1)),
  }
}

function sum(numbers: Iterable<number>): number {
  let total = 0
  for (const number of numbers) total += number
  return total
}
