import type { ActionRecord } from './action-log.ts'
import type { Digest } from './digest.ts'

/** Results of others, out of the reach of a file system: what a run asks for before it computes.
 *
 *  A tier that cannot be reached answers as one that holds nothing, and says so in its own way: a run goes on without it.
 */
export interface CacheTier {
  /** Its name for people, as errors have it. */
  readonly name: string
  /** The records of those keys that are known there, and whose blobs are there. */
  lookup(keys: readonly Digest[]): Promise<ReadonlyMap<Digest, ActionRecord>>
  /** Write the content of a blob to a path, where nothing is yet. The caller checks its digest.
   *
   *  @throws {Error} when it is not there any more, or cannot be had.
   */
  fetch(blob: Digest, path: string): Promise<void>
}

/** A tier that takes results, too. What it has once it keeps: the first value of a key stays. */
export interface WritableTier extends CacheTier {
  /** Those of these blobs that it lacks. */
  missing(blobs: readonly Digest[]): Promise<readonly Digest[]>
  /** Give it the blob that is in a file.
   *
   *  @throws {Error} when it cannot be reached, or the file has another content.
   */
  upload(blob: Digest, path: string): Promise<void>
  /** Give it a record, all of whose blobs it has.
   *
   *  @returns False when it has another value for that key, which stays.
   *  @throws {Error} when it cannot be reached, or lacks a blob.
   */
  publish(record: ActionRecord): Promise<boolean>
}
