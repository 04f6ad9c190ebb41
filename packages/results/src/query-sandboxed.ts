import { resolve } from 'node:path'
import type { DuckDBConnection, DuckDBPreparedStatement, DuckDBValueConverter } from '@duckdb/node-api'
import { UserError } from '@isthmus/tensor'
import { type JsonValue, jsonValueConverter } from './json-value.ts'
import { openDatabase } from './open-database.ts'
import { requireResults } from './open-results.ts'

/** What a user's query may use. */
export interface SandboxLimits {
  /** In DuckDB's form. Default `1GB`. */
  readonly memoryLimit?: string
  /** Default 30,000. */
  readonly timeoutMs?: number
  /** Rows that may come back. Default 100,000. */
  readonly maxRows?: number
  /** How long to wait for a file that another process writes, in milliseconds. Default 10,000. */
  readonly waitMs?: number
}

/** What limits are where they are not given. */
export const sandboxDefaults = { memoryLimit: '1GB', timeoutMs: 30_000, maxRows: 100_000, waitMs: 10_000 } as const

/** The result of a user's query. */
export interface QueryResult {
  /** Names, all different, and DuckDB's types, e.g. `DOUBLE`. */
  readonly columns: readonly { readonly name: string; readonly type: string }[]
  /** One array per row, in the order of the columns, with the values of `jsonValueConverter`. */
  readonly rows: readonly (readonly JsonValue[])[]
}

/** Run one SELECT (or EXPLAIN, SHOW, DESCRIBE) of a user on the results.
 *
 *  The file is opened read-only, no other file or network is in reach, no setting can be changed, nothing spills to
 *  disk. Every table and view of the results can be read.
 *
 *  @param path The results file.
 *  @throws {UserError} with DuckDB's message when the statement is refused, is no valid SQL or fails; when a limit is
 *    passed; when there is no file yet, or another process keeps it.
 */
export async function querySandboxed(path: string, sql: string, limits: SandboxLimits = {}): Promise<QueryResult> {
  const { memoryLimit, timeoutMs, maxRows, waitMs } = { ...sandboxDefaults, ...limits }
  const absolute = resolve(path)
  requireResults(absolute)
  const duckdb = await import('@duckdb/node-api')
  const sandbox = {
    access_mode: 'READ_ONLY',
    enable_external_access: 'false',
    autoload_known_extensions: 'false',
    autoinstall_known_extensions: 'false',
    max_temp_directory_size: '0KB',
    memory_limit: memoryLimit,
    lock_configuration: 'true',
  }
  const instance = await openDatabase(duckdb, absolute, sandbox, waitMs)
  const connection = await instance.connect()
  let timedOut = false
  const timer = setTimeout(() => {
    timedOut = true
    connection.interrupt()
  }, timeoutMs)
  try {
    const statement = await prepareOnlySelect(duckdb, connection, sql, maxRows)
    return await readRows(statement, jsonValueConverter(duckdb), maxRows)
  } catch (error) {
    if (timedOut) throw new UserError(`The query was stopped after ${timeoutMs / 1000} s: ask for less of it`)
    if (error instanceof UserError) throw error
    const message = error instanceof Error ? error.message : String(error)
    throw new UserError(message.replace('Failed to extract statements: ', ''), { cause: error })
  } finally {
    clearTimeout(timer)
    connection.closeSync()
    instance.closeSync()
  }
}

/** A semicolon at the end, with the white space and comments after it. */
const terminator = /;(?:\s|--.*$|\/\*[\s\S]*?\*\/)*$/

/** Prepare the user's statement to give at most `maxRows + 1` rows.
 *
 *  The limit is put around the query because neither way of taking part of a result is safe: what DuckDB materialises
 *  for the client does not count towards its memory limit, and a stream that fails midway ends as if it were complete.
 */
async function prepareOnlySelect(
  duckdb: typeof import('@duckdb/node-api'),
  connection: DuckDBConnection,
  sql: string,
  maxRows: number,
): Promise<DuckDBPreparedStatement> {
  const withoutComments = sql.replaceAll(/--.*$|\/\*[\s\S]*?\*\//gm, '').trim()
  if (withoutComments === '') throw new UserError('The query is empty: give one SELECT statement')
  if (/^pragma\b/i.test(withoutComments)) throw refusal('PRAGMA')
  const statements = await connection.extractStatements(sql)
  if (statements.count !== 1) {
    const pivot = /\bpivot\b/i.test(sql) ? ' (a PIVOT is two, unless IN lists its columns)' : ''
    throw new UserError(`The query must be one SELECT statement, and ${statements.count} were found${pivot}`)
  }
  const statement = await statements.prepare(0)
  const { SELECT, EXPLAIN } = duckdb.StatementType
  if (statement.statementType === EXPLAIN) return statement
  if (statement.statementType !== SELECT) throw refusal(String(duckdb.StatementType[statement.statementType]))
  const limited = await connection.extractStatements(`from (${sql.replace(terminator, '')}\n) limit ${maxRows + 1}`)
  return limited.prepare(0)
}

function refusal(kind: string): UserError {
  return new UserError(`Results can only be read: the query must be a SELECT statement, and this is ${kind}`)
}

async function readRows(
  statement: DuckDBPreparedStatement,
  converter: DuckDBValueConverter<JsonValue>,
  maxRows: number,
): Promise<QueryResult> {
  const result = await statement.run()
  if (result.rowCount > maxRows) {
    throw new UserError(`The query gives more than ${maxRows} rows: add a LIMIT or aggregate`)
  }
  const types = result.columnTypes()
  const columns = result.deduplicatedColumnNames().map((name, index) => ({ name, type: String(types[index]) }))
  return { columns, rows: (await result.convertRows(converter)) as JsonValue[][] }
}
