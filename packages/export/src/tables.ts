import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { quoteIdentifier, quoteLiteral, type Results } from '@isthmus/results'

/** The formats of `exportTables`. */
export const tableFormats = ['parquet', 'csv'] as const
export type TableFormat = (typeof tableFormats)[number]

/** How `exportTables` exports. */
export interface TableOptions {
  /** Only rows of this study, of tables and views that have one. */
  readonly study?: string | undefined
  /** Called after each file. */
  readonly onFile?: (done: number, total: number) => void
}

const options: Readonly<Record<TableFormat, string>> = {
  parquet: 'format parquet, compression zstd',
  csv: 'format csv, header',
}

/** Write every table and view of the results as a file of its name, by DuckDB.
 *
 *  @param folder Made; files in it that have the names of ours are replaced.
 *  @returns The names of the tables and views.
 */
export async function exportTables(
  results: Results,
  folder: string,
  format: TableFormat,
  { study, onFile = () => undefined }: TableOptions = {},
): Promise<string[]> {
  await mkdir(folder, { recursive: true })
  const relations = await results.query<{ name: string; has_study: boolean }>(
    `select table_name as name, bool_or(column_name = 'study') as has_study
     from duckdb_columns() where schema_name = 'main' and not internal and table_name <> 'schema_version'
     group by table_name order by table_name`,
  )
  for (const [index, { name, has_study }] of relations.entries()) {
    const rows = study !== undefined && has_study ? ` where study = ${quoteLiteral(study)}` : ''
    const path = join(folder, `${name}.${format}`)
    // COPY takes no parameters.
    await results.query(`copy (from ${quoteIdentifier(name)}${rows}) to ${quoteLiteral(path)} (${options[format]})`)
    onFile(index + 1, relations.length)
  }
  return relations.map(({ name }) => name)
}
