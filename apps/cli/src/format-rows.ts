import { UserError } from '@isthmus/tensor'
import Table from 'cli-table3'
import { stringify } from 'csv-stringify/sync'
import { markdownTable } from 'markdown-table'

export const rowFormats = ['table', 'json', 'csv', 'markdown'] as const
export type RowFormat = (typeof rowFormats)[number]

/** Rows of named columns, as they go out. */
export interface FormattableRows {
  readonly columns: readonly string[]
  readonly rows: readonly (readonly unknown[])[]
}

/** Read a `--format`.
 *
 *  @throws {UserError} naming the formats.
 */
export function rowFormat(text: string): RowFormat {
  const format = rowFormats.find((candidate) => candidate === text)
  if (format === undefined) throw new UserError(`--format ${text}: the formats are ${rowFormats.join(', ')}`)
  return format
}

/** Rows as text that ends in a newline. `json` and `csv` keep every digit; the others round for reading. */
export function formatRows({ columns, rows }: FormattableRows, format: RowFormat): string {
  switch (format) {
    case 'json':
      return `${JSON.stringify(
        rows.map((row) => Object.fromEntries(columns.map((name, i) => [name, row[i]]))),
        null,
        2,
      )}\n`
    case 'csv':
      return stringify([columns, ...rows.map((row) => row.map(exact))])
    case 'markdown': {
      const align = columns.map((_, i) => (isNumeric(rows, i) ? 'r' : 'l'))
      const cells = [[...columns], ...rows.map((row) => row.map(readable))]
      return `${markdownTable(
        cells.map((row) => row.map((cell) => cell.replaceAll('|', '\\|'))),
        { align },
      )}\n`
    }
    case 'table': {
      const table = new Table({
        head: [...columns],
        style: { head: [], border: [], compact: true },
        colAligns: columns.map((_, i) => (isNumeric(rows, i) ? 'right' : 'left')),
      })
      table.push(...rows.map((row) => row.map(readable)))
      return `${table.toString()}\n`
    }
  }
}

function isNumeric(rows: FormattableRows['rows'], column: number): boolean {
  return rows.some((row) => typeof row[column] === 'number')
}

function exact(value: unknown): string {
  if (value === null || value === undefined) return ''
  return typeof value === 'object' ? JSON.stringify(value) : String(value)
}

function readable(value: unknown): string {
  if (typeof value !== 'number' || Number.isInteger(value)) return exact(value)
  const size = Math.abs(value)
  return size !== 0 && (size < 1e-3 || size >= 1e6) ? value.toExponential(2) : value.toFixed(4)
}
