import { BlobStore } from './blob-store.ts'
import { translateWriteError } from './errors.ts'
import { executeJob, type Job, type JobHooks, type JobResult, operationsById } from './job.ts'
import type { AnyOperation } from './operation.ts'
import { PartialWork } from './partial-work.ts'

/** Where the blobs of a job are: the inputs that are read, and those that are published. */
export interface JobPlace {
  readonly cacheDirectory: string
  /** Directories of other caches that inputs may lie in. */
  readonly otherCaches: readonly string[]
}

/** Does a job in this process. The peak of memory is this process's so far. */
export type JobRunner = (place: JobPlace, job: Job, hooks: JobHooks) => Promise<JobResult>

/** Make this process one that does jobs which others hand to it. It opens no cache, so that what is recorded in one is
 *  not read: a job names the blobs that it needs.
 *
 *  @throws {UserError} when two operations have the same id.
 */
export function jobRunner(operations: readonly AnyOperation[]): JobRunner {
  const byId = operationsById(operations)
  const stores = new Map<string, { blobs: BlobStore; partial: PartialWork }>()
  return async ({ cacheDirectory, otherCaches }, job, hooks) => {
    const store = stores.get(cacheDirectory) ?? {
      blobs: new BlobStore(cacheDirectory, otherCaches),
      partial: new PartialWork(cacheDirectory),
    }
    stores.set(cacheDirectory, store)
    try {
      const result = await executeJob(byId, store, job, hooks)
      return { ...result, peakMemoryBytes: process.resourceUsage().maxRSS * 1024 }
    } catch (error) {
      throw translateWriteError(error, cacheDirectory)
    }
  }
}
