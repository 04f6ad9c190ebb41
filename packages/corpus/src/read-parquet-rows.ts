import type { DuckDBConnection, DuckDBValue } from '@duckdb/node-api'
import { UserError } from '@isthmus/tensor'
import type { ParquetShards } from './list-parquet-shards.ts'

/** A column of a parquet file, with its type as DuckDB calls it. */
export interface ParquetColumn {
  readonly name: string
  readonly type: string
}

/** Choose which columns of a shard are read.
 *
 *  @param columns Those that it has.
 *  @param path The shard's, for errors.
 *  @returns Their names, in the order in which a row has their values.
 */
export type ColumnChoice = (columns: readonly ParquetColumn[], path: string) => readonly string[]

/** A row of a parquet file. */
export interface ParquetRow {
  /** The values of the columns that were chosen, null where missing. */
  readonly values: readonly DuckDBValue[]
  /** The file that the row is of. */
  readonly path: string
  /** Counted from 1 in that file. */
  readonly row: number
}

/** Go through the rows of a table that is stored as parquet, in their order.
 *
 *  Rows are streamed by DuckDB with nothing in its reach but the files: what is in memory at one time is the columns of a
 *  row group, and 2,048 rows.
 *  @param choose Called once a shard, before its rows are read.
 *  @throws {UserError} naming the file that cannot be read or is damaged; and what `choose` throws.
 */
export async function* readParquetRows(shards: ParquetShards, choose: ColumnChoice): AsyncGenerator<ParquetRow> {
  const paths = Object.keys(shards)
    .sort()
    .map((name) => shards[name]!)
  const { DuckDBInstance } = await import('@duckdb/node-api')
  const instance = await DuckDBInstance.create(':memory:', {
    autoload_known_extensions: 'false',
    autoinstall_known_extensions: 'false',
    max_temp_directory_size: '0KB',
    // One thread: rows come in their order, and the cores belong to the executor.
    threads: '1',
  })
  const connection = await instance.connect()
  try {
    await confine(connection, paths)
    for (const path of paths) {
      yield* readShard(connection, path, choose(await describeColumns(connection, path), path))
    }
  } finally {
    connection.closeSync()
    instance.closeSync()
  }
}

/** Columns with their types, as messages list them. */
export function listColumns(columns: readonly ParquetColumn[]): string {
  return columns.map(({ name, type }) => `${name} (${type})`).join(', ')
}

/** Leave nothing in reach but the files. */
async function confine(connection: DuckDBConnection, paths: readonly string[]): Promise<void> {
  const quoted = paths.map((path) => `'${path.replaceAll("'", "''")}'`)
  await connection.run(`set allowed_paths = [${quoted.join(', ')}]`)
  await connection.run('set enable_external_access = false')
  await connection.run('set lock_configuration = true')
}

async function describeColumns(connection: DuckDBConnection, path: string): Promise<ParquetColumn[]> {
  try {
    const described = await connection.run(
      'select column_name, column_type from (describe from read_parquet([$1], hive_partitioning = false))',
      [path],
    )
    return (await described.getRows()).map(([name, type]) => ({ name: String(name), type: String(type) }))
  } catch (cause) {
    const [reason] = (cause as Error).message.split('\n')
    throw new UserError(`${path} cannot be read as parquet: ${reason}; check the path, or download the file again`, {
      cause,
    })
  }
}

async function* readShard(
  connection: DuckDBConnection,
  path: string,
  columns: readonly string[],
): AsyncGenerator<ParquetRow> {
  const table = 'read_parquet([$1], hive_partitioning = false)'
  const selected = columns.map((name) => `"${name.replaceAll('"', '""')}"`).join(', ')
  let [rows, expected] = [0, 0]
  try {
    const counted = await connection.run(`select count(*) from ${table}`, [path])
    expected = Number((await counted.getRows())[0]![0])
    const stream = await connection.stream(`select ${selected} from ${table}`, [path])
    for (let chunk = await stream.fetchChunk(); chunk?.rowCount; chunk = await stream.fetchChunk()) {
      const vectors = columns.map((_, c) => chunk!.getColumnVector(c))
      for (let i = 0; i < chunk.rowCount; i++) {
        rows++
        yield { values: vectors.map((vector) => vector.getItem(i)), path, row: rows }
      }
    }
  } catch (cause) {
    const [reason] = (cause as Error).message.split('\n')
    throw new UserError(`${path} is damaged: ${reason}; download it again`, { cause })
  }
  // A stream that fails midway ends as if it were complete.
  if (rows === expected) return
  throw new UserError(`${path} is damaged: only ${rows} of its ${expected} rows can be read; download it again`)
}
