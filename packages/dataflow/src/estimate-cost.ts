import { statSync } from 'node:fs'
import type { ActionRecord } from './action-log.ts'
import type { Cache } from './cache.ts'
import type { Digest } from './digest.ts'
import type { Explanation } from './explain.ts'

/** What the nodes of one operation that are not cached will take, by what earlier ones took. */
export interface CostEstimate {
  readonly operation: string
  /** That would run, or may: their key depends on a result that is not there yet. */
  readonly nodes: number
  /** Of one process, for all of them; null where the operation has never run. */
  readonly seconds: number | null
  /** Of the cache's disk, for all of them; null where the operation has never run. */
  readonly bytes: number | null
}

/** Earlier runs of an operation that the estimate is a mean of, the latest ones. */
const recordsUsed = 200

/** Estimate what a run will take: for each operation, the number of nodes times the mean of its latest records. */
export function estimateCost(
  explanations: readonly Explanation[],
  { cache }: { readonly cache: Cache },
): CostEstimate[] {
  const counts = new Map<string, number>()
  for (const { node, state } of explanations) {
    if (state !== 'cached') counts.set(node.operation.id, (counts.get(node.operation.id) ?? 0) + 1)
  }
  if (counts.size === 0) return []
  const records = latestRecords(cache, new Set(counts.keys()))
  const bytesOf = ({ output }: ActionRecord) =>
    Object.values(output.blobs).reduce((sum, blob) => sum + sizeOf(cache, blob), 0)
  return [...counts].map(([operation, nodes]) => {
    const past = records.get(operation)
    return {
      operation,
      nodes,
      seconds: past === undefined ? null : nodes * mean(past, ({ seconds }) => seconds),
      bytes: past === undefined ? null : nodes * mean(past, bytesOf),
    }
  })
}

/** What a node of each operation will take, in seconds of one process: the mean of the operation's latest records.
 *
 *  @param operations Their ids.
 *  @returns By id, without operations that have never run.
 */
export function expectedSeconds(
  operations: Iterable<string>,
  { cache }: { readonly cache: Cache },
): Map<string, number> {
  const means = new Map<string, number>()
  for (const [operation, records] of latestRecords(cache, new Set(operations))) {
    means.set(
      operation,
      mean(records, ({ seconds }) => seconds),
    )
  }
  return means
}

/** Nothing where a blob is gone. */
function sizeOf(cache: Cache, blob: Digest): number {
  return statSync(cache.blobs.locate(blob), { throwIfNoEntry: false })?.size ?? 0
}

function mean(records: readonly ActionRecord[], of: (record: ActionRecord) => number): number {
  return records.reduce((sum, record) => sum + of(record), 0) / records.length
}

function latestRecords(cache: Cache, operations: ReadonlySet<string>): Map<string, ActionRecord[]> {
  const byOperation = new Map<string, ActionRecord[]>()
  for (const record of cache.records()) {
    if (!operations.has(record.operation)) continue
    const known = byOperation.get(record.operation)
    if (known === undefined) byOperation.set(record.operation, [record])
    else known.push(record)
  }
  for (const [operation, records] of byOperation) {
    records.sort((left, right) => (left.createdAt < right.createdAt ? 1 : -1))
    byOperation.set(operation, records.slice(0, recordsUsed))
  }
  return byOperation
}
