import type { DuckDBConnection, DuckDBDataChunk } from '@duckdb/node-api'
import { UserError } from '@isthmus/tensor'
import type { ParquetShards } from './list-parquet-shards.ts'

/** A row of a table of text. */
export interface TextRow {
  /** As it is stored, white space and all; a missing value is empty. */
  readonly text: string
  /** Which book the text is of; null where the table does not say. */
  readonly book: string | null
}

/** The columns that may say which book a row is of. */
const bookColumns = ['title', 'book'] as const

/** A column as DuckDB describes it. */
interface Column {
  readonly name: string
  readonly type: string
}

/** Go through the rows of a table of text that is stored as parquet, in their order.
 *
 *  The column `text` holds text; `title`, or else `book`, may say which book it is of; other columns are not read. Rows
 *  are streamed by DuckDB with nothing in its reach but the files: what is in memory at one time is the columns of a row
 *  group, and 2,048 rows.
 *  @throws {UserError} naming the file that cannot be read, is damaged, or has no column `text`.
 */
export async function* readParquetText(shards: ParquetShards): AsyncGenerator<TextRow> {
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
    const first = await columnsToRead(connection, paths[0]!)
    for (const path of paths) {
      const columns = path === paths[0] ? first : await columnsToRead(connection, path)
      if (columns.book !== first.book) throw differentColumns(path, columns.book, paths[0]!, first.book)
      yield* readShard(connection, path, columns.book)
    }
  } finally {
    connection.closeSync()
    instance.closeSync()
  }
}

/** Leave nothing in reach but the files. */
async function confine(connection: DuckDBConnection, paths: readonly string[]): Promise<void> {
  const quoted = paths.map((path) => `'${path.replaceAll("'", "''")}'`)
  await connection.run(`set allowed_paths = [${quoted.join(', ')}]`)
  await connection.run('set enable_external_access = false')
  await connection.run('set lock_configuration = true')
}

async function columnsToRead(connection: DuckDBConnection, path: string): Promise<{ readonly book: string | null }> {
  const columns = await describeColumns(connection, path)
  const isText = ({ type }: Column) => type === 'VARCHAR'
  const text = columns.find(({ name }) => name === 'text')
  if (text === undefined || !isText(text)) {
    const found = columns.map(({ name, type }) => `${name} (${type})`).join(', ')
    throw new UserError(`${path} has no column 'text' of type VARCHAR, but ${found}; rename or convert the column`)
  }
  const book = bookColumns.find((wanted) => columns.some((column) => column.name === wanted && isText(column)))
  return { book: book ?? null }
}

async function describeColumns(connection: DuckDBConnection, path: string): Promise<Column[]> {
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

async function* readShard(connection: DuckDBConnection, path: string, book: string | null): AsyncGenerator<TextRow> {
  const table = 'read_parquet([$1], hive_partitioning = false)'
  let [rows, expected] = [0, 0]
  try {
    const counted = await connection.run(`select count(*) from ${table}`, [path])
    expected = Number((await counted.getRows())[0]![0])
    const stream = await connection.stream(`select text, ${book ?? 'null'} from ${table}`, [path])
    for (let chunk = await stream.fetchChunk(); chunk?.rowCount; chunk = await stream.fetchChunk()) {
      yield* rowsOf(chunk, book !== null)
      rows += chunk.rowCount
    }
  } catch (cause) {
    const [reason] = (cause as Error).message.split('\n')
    throw new UserError(`${path} is damaged: ${reason}; download it again`, { cause })
  }
  // A stream that fails midway ends as if it were complete.
  if (rows === expected) return
  throw new UserError(`${path} is damaged: only ${rows} of its ${expected} rows can be read; download it again`)
}

function* rowsOf(chunk: DuckDBDataChunk, hasBooks: boolean): Generator<TextRow> {
  const [texts, books] = [chunk.getColumnVector(0), chunk.getColumnVector(1)]
  for (let i = 0; i < chunk.rowCount; i++) {
    yield {
      text: (texts.getItem(i) as string | null) ?? '',
      book: hasBooks ? ((books.getItem(i) as string | null) ?? '') : null,
    }
  }
}

function differentColumns(path: string, own: string | null, firstPath: string, first: string | null): UserError {
  const say = (column: string | null) => (column === null ? 'no column that names a book' : `the column '${column}'`)
  return new UserError(
    `${path} has ${say(own)}, but ${firstPath} has ${say(first)}: shards of one table have the same columns; ` +
      'give those of one table',
  )
}
