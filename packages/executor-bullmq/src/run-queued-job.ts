import { setTimeout as sleep } from 'node:timers/promises'
import {
  type ActionRecord,
  actionRecord,
  type Cache,
  CacheWriteError,
  CorruptBlobError,
  cachedBlobs,
  type Executor,
  type Job,
  type JobHooks,
  type WritableTier,
} from '@isthmus/dataflow'
import { UserError } from '@isthmus/tensor'

/** What this machine runs a job with. */
export interface Machine {
  readonly tier: WritableTier
  readonly cache: Cache
  readonly executor: Executor
  /** Called when the tier has another value for the job's key, which stays. */
  onDisagreement(): void
}

/** The machine failed a job, or what it needs did: its `cause`. Another try, or another machine, may do it. */
export class MachineError extends Error {
  override readonly name = 'MachineError'
}

const firstPauseMilliseconds = 250
const maximumPauseMilliseconds = 10_000
/** How long a tier may be away before a job fails on it. */
const patienceMilliseconds = 120_000

/** Do a job whose blobs are in a tier, and leave what comes out there: blobs first, then the record.
 *
 *  What the tier has by now is not computed. What is computed is recorded in the machine's cache before it is sent, so
 *  that another try has only to send it.
 *  @throws {MachineError} when the tier or the cache failed, for as long as one waits for it.
 *  @throws what the operation threw, `WorkerLostError`, or the signal's reason.
 */
export async function runQueuedJob(job: Job, machine: Machine, hooks: JobHooks): Promise<void> {
  try {
    await runOrSend(job, machine, hooks)
  } catch (error) {
    if (error instanceof CorruptBlobError) await machine.cache.blobs.quarantine(error.blob)
    throw error instanceof CorruptBlobError || error instanceof CacheWriteError ? machineError(error) : error
  }
}

async function runOrSend(job: Job, machine: Machine, hooks: JobHooks): Promise<void> {
  const { cache, tier, executor } = machine
  const own = cache.actions.of(job.key).find((record) => cache.isComplete(record))
  if (own !== undefined) return send(own, machine, hooks.signal)
  const known = await persist(hooks.signal, () => tier.lookup([job.key]))
  if (known.has(job.key)) return
  await cache.bring(cachedBlobs(job))
  const record = actionRecord(job, await executor.execute(job, hooks))
  await cache.actions.append(record)
  cache.partial.remove(job.key)
  await send(record, machine, hooks.signal)
}

async function send(record: ActionRecord, machine: Machine, signal: AbortSignal): Promise<void> {
  const { tier, cache } = machine
  await persist(signal, async () => {
    for (const blob of await tier.missing(Object.values(record.output.blobs))) {
      await tier.upload(blob, await cache.blobs.path(blob))
    }
    if (!(await tier.publish(record))) machine.onDisagreement()
  })
}

/** Do something with a tier that may be away for a while. */
async function persist<Result>(signal: AbortSignal, action: () => Promise<Result>): Promise<Result> {
  const until = performance.now() + patienceMilliseconds
  for (let pause = firstPauseMilliseconds; ; pause = Math.min(2 * pause, maximumPauseMilliseconds)) {
    try {
      return await action()
    } catch (error) {
      signal.throwIfAborted()
      if (error instanceof CorruptBlobError) throw error
      if (error instanceof UserError || performance.now() + pause > until) throw machineError(error)
      await sleep(pause, undefined, { signal })
    }
  }
}

function machineError(cause: unknown): MachineError {
  return new MachineError('The machine could not do a job.', { cause })
}
