import { open, readFile, rename } from 'node:fs/promises'
import type { Job, JobPlace, JobResult, SerializedError } from '@isthmus/dataflow'

/** A task of an array job, as it lies in the shared directory. */
export interface TaskDescription extends JobPlace {
  readonly job: Job
}

/** How a task ended. */
export type TaskOutcome = { readonly result: JobResult } | { readonly error: SerializedError }

/** How far it has come. */
export interface TaskProgress {
  readonly done: number
  readonly total: number
}

const suffix = '.json'

/** The file that describes a task. */
export function descriptionPath(directory: string, index: number): string {
  return `${directory}/${index}${suffix}`
}

/** The file beside it that appears when the task has ended. */
export function outcomePath(description: string): string {
  return `${description.slice(0, -suffix.length)}.outcome${suffix}`
}

/** The file beside it that says how far the task has come. */
export function progressPath(description: string): string {
  return `${description.slice(0, -suffix.length)}.progress${suffix}`
}

/** Write a file that others see whole or not at all. */
export async function writeWhole(path: string, content: unknown): Promise<void> {
  const temporary = `${path}.${process.pid}.tmp`
  const handle = await open(temporary, 'w')
  try {
    await handle.writeFile(JSON.stringify(content))
    await handle.sync()
  } finally {
    await handle.close()
  }
  await rename(temporary, path)
}

/** Read a file that `writeWhole` wrote; undefined when it is not there. */
export async function readWhole<Content>(path: string): Promise<Content | undefined> {
  const text = await readFile(path, 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT' || error.code === 'ESTALE') return undefined
    throw error
  })
  return text === undefined ? undefined : (JSON.parse(text) as Content)
}
