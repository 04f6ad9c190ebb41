import { readdir, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { UserError } from '@isthmus/tensor'

/** The parquet files that are one table, in the order of their rows: `part-00000.parquet`, … to the paths where they lie.
 *
 *  Names are numbers, so that what is computed from them does not depend on what the files are called.
 */
export type ParquetShards = Readonly<Record<string, string>>

const shardOfSplit = /^(.+)-(\d+)-of-(\d+)\.parquet$/

/** List the parquet files that a path stands for: the file itself, or those directly in a folder, by name.
 *
 *  @param split Of a folder, take only the shards of this split: `train-00000-of-00002.parquet`, …, or `train.parquet`.
 *  @returns null where the path is neither a `.parquet` file nor a folder that holds any.
 *  @throws {UserError} when a folder holds several splits, or lacks shards: `train-00000-of-00002.parquet` says of
 *    how many it is one.
 */
export async function listParquetShards(path: string, split?: string): Promise<ParquetShards | null> {
  const isFolder = await stat(path).then(
    (found) => found.isDirectory(),
    () => false,
  )
  if (!isFolder) return isParquet(path) ? numbered([path]) : null
  const isWanted = (name: string) =>
    isParquet(name) && !name.startsWith('.') && (split === undefined || splitOf(name) === split)
  const names = (await readdir(path)).filter(isWanted).sort()
  if (names.length === 0) return null
  assertOneSplit(path, names)
  return numbered(names.map((name) => join(path, name)))
}

/** Whether files, by the names that `listParquetShards` gives or others, are parquet shards. */
export function areParquetShards(files: Readonly<Record<string, string>>): boolean {
  const names = Object.keys(files)
  return names.length > 0 && names.every(isParquet)
}

function splitOf(name: string): string {
  return shardOfSplit.exec(name)?.[1] ?? name.replace(/\.parquet$/, '')
}

function isParquet(name: string): boolean {
  return name.toLowerCase().endsWith('.parquet')
}

function numbered(paths: readonly string[]): ParquetShards {
  return Object.fromEntries(paths.map((path, i) => [`part-${String(i).padStart(5, '0')}.parquet`, path]))
}

function assertOneSplit(folder: string, names: readonly string[]): void {
  const splits = new Map<string, string[]>()
  for (const name of names) {
    const [, split, , count] = shardOfSplit.exec(name) ?? []
    const key = split === undefined ? '' : `${split} of ${count}`
    splits.set(key, [...(splits.get(key) ?? []), name])
  }
  if (splits.size > 1) {
    throw new UserError(
      `${folder} holds parquet files of several tables (${[...splits.values()].map(([first]) => first).join(', ')}); ` +
        'give the path of one file, or of a folder that holds the shards of one table',
    )
  }
  const count = Number(shardOfSplit.exec(names[0]!)?.[3] ?? names.length)
  if (names.length !== count) {
    throw new UserError(`${folder} holds ${names.length} of the ${count} shards of a table; add the missing ones`)
  }
}
