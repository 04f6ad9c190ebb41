import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { UserError } from '@isthmus/tensor'
import { listParquetShards } from './list-parquet-shards.ts'
import type { TaskFiles, TaskSplit, TextTask } from './text-task.ts'

/** List the files of one split of a task in a folder: parquet shards, `{split}-00000-of-00001.parquet`, or a TSV file.
 *
 *  @throws {UserError} when the folder cannot be read, has neither, or lacks shards.
 */
export async function listTaskFiles(folder: string, task: TextTask, split: TaskSplit): Promise<TaskFiles> {
  const names = await readdir(folder).catch((cause: NodeJS.ErrnoException) => {
    throw new UserError(`cannot read the folder of the task ${folder}: ${cause.message}; check the path`, { cause })
  })
  const shards = await listParquetShards(folder, task.parquet.splits[split])
  if (shards !== null) return shards
  const layout = task.tsv.files.find((files) => Object.values(files).every((name) => names.includes(name)))
  if (layout !== undefined) return { 'table.tsv': join(folder, layout[split]) }
  const expected = task.tsv.files.map(({ train, validation }) => `${train} and ${validation}`)
  const { train, validation } = task.parquet.splits
  throw new UserError(
    `${folder} does not hold the task ${task.id}: expected ${expected.join(', or ')}, or shards ` +
      `${train}-00000-of-00001.parquet and ${validation}-00000-of-00001.parquet, found ` +
      `${names.filter((name) => !name.startsWith('.')).join(', ') || 'nothing'}; copy the files there as they are published`,
  )
}
