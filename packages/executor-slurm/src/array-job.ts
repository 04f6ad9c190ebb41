import { mkdir, rm, writeFile } from 'node:fs/promises'
import type { JobPlace } from '@isthmus/dataflow'
import { type ArrayRequest, submitArray } from './slurm-commands.ts'
import type { Task } from './task.ts'
import { descriptionPath, type TaskDescription, writeWhole } from './task-files.ts'

/** Tasks that were submitted together; they ask for the same. */
export interface ArrayJob {
  /** Slurm's number of it. */
  readonly id: string
  readonly directory: string
  /** Those that have not ended, by their numbers. */
  readonly tasks: Map<number, Task>
}

/** How array jobs are made. */
export interface ArraySetting extends Pick<ArrayRequest, 'name' | 'cpus' | 'options'> {
  readonly place: JobPlace
  /** The command that runs a job file, whose path is put behind it. */
  readonly command: readonly string[]
}

/** Write the descriptions of tasks into a new directory, and submit them as one array job. */
export async function submitTasks(directory: string, tasks: readonly Task[], setting: ArraySetting): Promise<ArrayJob> {
  await mkdir(directory, { recursive: true })
  try {
    const { place, command, ...asked } = setting
    for (const [index, { job }] of tasks.entries()) {
      const description: TaskDescription = { ...place, job }
      await writeWhole(descriptionPath(directory, index), description)
    }
    const script = `${directory}/task.sh`
    await writeFile(script, taskScript(directory, command))
    const log = `${directory}/%a.log`
    const memoryMebibytes = tasks[0]!.memoryMebibytes
    const id = await submitArray({ ...asked, script, tasks: tasks.length, log, memoryMebibytes })
    const array = { id, directory, tasks: new Map(tasks.entries()) }
    for (const [index, task] of array.tasks) task.place = { array, index }
    return array
  } catch (error) {
    await rm(directory, { recursive: true, force: true })
    throw error
  }
}

/** Put tasks together that ask for the same memory, no more in one group than an array may have. */
export function groupTasks(tasks: readonly Task[], maximum: number): Task[][] {
  const byMemory = new Map<number | undefined, Task[]>()
  for (const task of tasks) {
    const group = byMemory.get(task.memoryMebibytes) ?? []
    byMemory.set(task.memoryMebibytes, group)
    group.push(task)
  }
  return [...byMemory.values()].flatMap((group) =>
    Array.from({ length: Math.ceil(group.length / maximum) }, (_, i) => group.slice(i * maximum, (i + 1) * maximum)),
  )
}

function taskScript(directory: string, command: readonly string[]): string {
  const words = command.map(quote).join(' ')
  return `#!/bin/sh\nexec ${words} ${quote(`${directory}/`)}"$SLURM_ARRAY_TASK_ID".json\n`
}

/** A word of a shell's command line. */
function quote(word: string): string {
  return `'${word.replaceAll("'", String.raw`'\''`)}'`
}
