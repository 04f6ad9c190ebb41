import { renameSync, writeFileSync } from 'node:fs'
import { type AnyOperation, type JobHooks, jobRunner, serializeError } from '@isthmus/dataflow'
import { UserError } from '@isthmus/tensor'
import {
  outcomePath,
  progressPath,
  readWhole,
  type TaskDescription,
  type TaskOutcome,
  type TaskProgress,
  writeWhole,
} from './task-files.ts'

const progressMilliseconds = 1000

/** Do the job that a file describes, and write beside it how it ended: what a task of an array job runs.
 *
 *  SIGTERM, which Slurm sends before it kills, aborts the job; then nothing is written, for Slurm knows why it ended.
 *  @param path A file that `slurmExecutor` wrote.
 *  @param operations All that a job may name.
 *  @returns Whether the job succeeded; the file says how it failed.
 *  @throws {UserError} when there is no such file.
 */
export async function runJobFile(path: string, operations: readonly AnyOperation[]): Promise<boolean> {
  const description = await readWhole<TaskDescription>(path)
  if (description === undefined) {
    throw new UserError(`There is no job ${path}: the run that wrote it has ended; this task is not needed any more.`)
  }
  const abort = new AbortController()
  const interrupt = () => abort.abort(new Error('Slurm told the task to end.'))
  process.on('SIGTERM', interrupt)
  try {
    const outcome = await outcomeOf(description, operations, {
      progress: progressFile(progressPath(path)),
      signal: abort.signal,
    })
    if (abort.signal.aborted && 'error' in outcome) return false
    await writeWhole(outcomePath(path), outcome)
    return 'result' in outcome
  } finally {
    process.off('SIGTERM', interrupt)
  }
}

async function outcomeOf(
  { job, ...place }: TaskDescription,
  operations: readonly AnyOperation[],
  hooks: JobHooks,
): Promise<TaskOutcome> {
  try {
    return { result: await jobRunner(operations)(place, job, hooks) }
  } catch (error) {
    return { error: serializeError(error) }
  }
}

/** A function that keeps the latest progress in a file, written no more than once a second but for the end. It writes
 *  before it returns: an operation may block the process from then on.
 */
function progressFile(path: string): (done: number, total: number) => void {
  let last = Number.NEGATIVE_INFINITY
  return (done, total) => {
    const now = performance.now()
    if (done < total && now - last < progressMilliseconds) return
    last = now
    const progress: TaskProgress = { done, total }
    writeFileSync(`${path}.tmp`, JSON.stringify(progress))
    renameSync(`${path}.tmp`, path)
  }
}
