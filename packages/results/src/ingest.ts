import type { DuckDBAppender, DuckDBConnection } from '@duckdb/node-api'
import { updateCurveBarriers } from './curve-barrier.ts'
import { columnName, type ResultRows, type TableOfRows, tablesOfRows } from './rows.ts'

/** Insert rows, replacing those of the same key: the same rows twice change nothing. Runs in the caller's transaction.
 *
 *  Each list goes through DuckDB's appender into a temporary table, and from there with one statement into its table.
 *
 *  @param duckdb The loaded module.
 *  @param rows Checked by `checkRows`; of two rows with one key the later wins.
 */
export async function ingestRows(
  duckdb: typeof import('@duckdb/node-api'),
  connection: DuckDBConnection,
  rows: ResultRows,
): Promise<void> {
  const microseconds = (iso: string) => new duckdb.DuckDBTimestampValue(BigInt(Date.parse(iso)) * 1000n)
  for (const table of tablesOfRows) {
    const distinct = lastOfEachKey(table, (rows[table.list] ?? []) as readonly Record<string, unknown>[])
    if (distinct.length === 0) continue
    const columns = Object.keys(table.fields).map(columnName).join(', ')
    await connection.run(`create or replace temp table incoming as select ${columns} from ${table.table} limit 0`)
    const appender = await connection.createAppender('incoming', 'main', 'temp')
    const fields = Object.entries(table.fields)
    for (const row of distinct) {
      for (const [field, kind] of fields) appendField(appender, kind, row[field], microseconds)
      appender.endRow()
    }
    appender.closeSync()
    await connection.run(`insert or replace into ${table.table} (${columns}) select ${columns} from incoming`)
    if (table.table === 'curve_point') await updateCurveBarriers(connection, 'incoming')
    await connection.run('drop table incoming')
  }
}

function lastOfEachKey<Row extends Record<string, unknown>>({ key }: TableOfRows, rows: readonly Row[]): Row[] {
  return [...new Map(rows.map((row) => [JSON.stringify(key.map((field) => row[field])), row])).values()]
}

function appendField(
  appender: DuckDBAppender,
  kind: string,
  value: unknown,
  microseconds: (iso: string) => Parameters<DuckDBAppender['appendTimestamp']>[0],
): void {
  if (value === null && kind.endsWith('?')) return appender.appendNull()
  switch (kind.replace('?', '')) {
    case 'integer':
      return appender.appendBigInt(BigInt(value as number))
    case 'number':
      return appender.appendDouble(value as number)
    case 'timestamp':
      return appender.appendTimestamp(microseconds(value as string))
    case 'json':
      return appender.appendVarchar(JSON.stringify(value))
    default:
      return appender.appendVarchar(value as string)
  }
}
