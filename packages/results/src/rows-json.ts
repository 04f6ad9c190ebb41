import { oldestVersion, schemaVersion } from './migrations.ts'
import { checkRows, type ResultRows, tablesOfRows } from './rows.ts'

/** Rows as they are stored and sent: one JSON document, `{ schemaVersion, rows }`.
 *
 *  JSON has no NaN and no infinities, which losses may be: they are written as text.
 */
export function encodeRows(rows: ResultRows): string {
  const nonFiniteAsText = (_: string, value: unknown) =>
    typeof value === 'number' && !Number.isFinite(value) ? String(value) : value
  return JSON.stringify({ schemaVersion, rows }, nonFiniteAsText)
}

/** Read what `encodeRows` wrote, of this version or one that can be upgraded: their rows are the same, less lists that came
 *  later.
 *
 *  @param encoded The parsed document, which is modified.
 *  @throws {Error} when it is of a newer version or of one before `oldestVersion`, or lacks rows.
 *  @throws {TypeError} as `checkRows` does.
 */
export function decodeRows(encoded: unknown): ResultRows {
  const { schemaVersion: found, rows } = (encoded ?? {}) as { schemaVersion?: unknown; rows?: unknown }
  if (!Number.isInteger(found) || Number(found) < oldestVersion || Number(found) > schemaVersion) {
    throw new Error(`it has schema version ${String(found)}, expected ${oldestVersion} to ${schemaVersion}`)
  }
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
