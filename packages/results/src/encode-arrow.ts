import {
  Bool,
  type DataType,
  Dictionary,
  Field,
  Float64,
  Int32,
  RecordBatch,
  Schema,
  Table,
  TimestampMillisecond,
  tableToIPC,
  Utf8,
  type Vector,
  vectorFromArray,
} from 'apache-arrow'
import type { JsonValue } from './json-value.ts'
import type { QueryResult } from './query-sandboxed.ts'

/** The result of a query as the bytes of an Arrow IPC stream.
 *
 *  Numbers of every kind are `Float64`, which JavaScript has (those that it has not are text in a `QueryResult`, and
 *  here); dates and times are `Timestamp` in milliseconds; text is a dictionary; lists, structs and JSON are text in
 *  JSON.
 */
export function encodeArrow({ columns, rows }: QueryResult): Uint8Array {
  const vectors = columns.map(({ type }, index) =>
    vectorOf(
      type,
      rows.map((row) => row[index]!),
    ),
  )
  // An object's keys that are integers come before its others: columns get their names after they have their order.
  const table = new Table(Object.fromEntries(vectors.map((vector, index) => [`column_${index}`, vector])))
  const schema = new Schema(columns.map(({ name }, index) => new Field(name, vectors[index]!.type, true)))
  const batches = table.batches.map(({ data }) => new RecordBatch(schema, data))
  return tableToIPC(new Table(schema, batches), 'stream')
}

function vectorOf(type: string, values: readonly JsonValue[]): Vector {
  if (/^(DATE|TIMESTAMP)/.test(type)) {
    const times = values.map((value) => (value === null ? null : Date.parse(utc(String(value)))))
    return vectorFromArray(times, new TimestampMillisecond())
  }
  const kinds = new Set(values.map((value) => (value === null ? 'null' : typeof value)))
  kinds.delete('null')
  if (type === 'BOOLEAN') return vectorFromArray(values as readonly (boolean | null)[], new Bool())
  if (isNumeric(type) && (kinds.size === 0 || (kinds.size === 1 && kinds.has('number')))) {
    return vectorFromArray(values as readonly (number | null)[], new Float64())
  }
  const text = values.map((value) => (value === null || typeof value === 'string' ? value : JSON.stringify(value)))
  return vectorFromArray(text, new Dictionary(new Utf8() as DataType, new Int32()))
}

function isNumeric(type: string): boolean {
  return /^(DOUBLE|FLOAT|DECIMAL|U?(TINY|SMALL|BIG|HUGE)INT|U?INTEGER)/.test(type)
}

/** What DuckDB writes without a zone is UTC. */
function utc(time: string): string {
  return /T.*([Z+]|-\d\d:\d\d)/.test(time) ? time : time.includes('T') ? `${time}Z` : time
}
