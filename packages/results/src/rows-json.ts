import { checkRows, type ResultRows, tablesOfRows } from './rows.ts'
import { schemaVersion } from './schema.ts'

/** Rows as they are stored and sent: one JSON document, `{ schemaVersion, rows }`.
 *
 *  JSON has no NaN and no infinities, which losses may be: they are written as text.
 */
export function encodeRows(rows: ResultRows): string {
  const nonFiniteAsText = (_: string, value: unknown) =>
    typeof value === 'number' && !Number.isFinite(value) ? String(value) : value
  return JSON.stringify({ schemaVersion, rows }, nonFiniteAsText)
}

/** Read what `encodeRows` wrote.
 *
 *  @param encoded The parsed document, which is modified.
 *  @throws {Error} when it has another schema version, or lacks rows.
 *  @throws {TypeError} as `checkRows` does.
 */
export function decodeRows(encoded: unknown): ResultRows {
  const { schemaVersion: found, rows } = (encoded ?? {}) as { schemaVersion?: unknown; rows?: unknown }
  if (found !== schemaVersion) throw new Error(`it has schema version ${String(found)}, expected ${schemaVersion}`)
  if (typeof rows !== 'object' || rows === null) throw new Error('it holds no rows')
  const lists = rows as Record<string, Record<string, unknown>[]>
  for (const { list, fields } of tablesOfRows) {
    const numbers = Object.keys(fields).filter((field) => fields[field]?.startsWith('number'))
    for (const row of lists[list] ?? []) {
      for (const field of numbers) if (typeof row[field] === 'string') row[field] = Number(row[field])
    }
  }
  checkRows(rows)
  return rows
}
