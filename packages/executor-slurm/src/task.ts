import type { Job, JobHooks, JobResult } from '@isthmus/dataflow'
import type { ArrayJob } from './array-job.ts'
import type { TaskProgress } from './task-files.ts'

/** A job on its way through Slurm. */
export interface Task {
  readonly job: Job
  readonly hooks: JobHooks
  /** Both may be called after the other, to no effect. */
  readonly resolve: (result: JobResult) => void
  readonly reject: (error: Error) => void
  /** What it asks for; undefined leaves it to the partition. */
  memoryMebibytes: number | undefined
  /** Where it is in Slurm, while it is. */
  place: { readonly array: ArrayJob; readonly index: number } | undefined
  tries: number
  progress: TaskProgress | undefined
  /** On the clock of `performance`: since when it has ended without showing a result. */
  endedAt: number | undefined
}

const smallestMebibytes = 256

/** What a task is taken to have had that asked for nothing, in mebibytes. */
const unaskedMebibytes = 4096

/** What to ask for after so much was too little. */
export function moreMemory(mebibytes: number | undefined, factor: number): number | undefined {
  return factor === 1 ? mebibytes : (mebibytes ?? unaskedMebibytes) * factor
}

/** Mebibytes to ask for, so that tasks of about the same size are in one array: up to a quarter more than the cost. */
export function memoryRequest(memoryBytes: number | undefined): number | undefined {
  if (memoryBytes === undefined) return undefined
  const mebibytes = Math.max(smallestMebibytes, memoryBytes / 2 ** 20)
  const step = 2 ** (Math.floor(Math.log2(mebibytes)) - 2)
  return Math.ceil(mebibytes / step) * step
}
