import { querySandboxed } from '@isthmus/results'
import { formatRows, rowFormat } from '../format-rows.ts'
import { isthmusHome } from '../home.ts'
import { ingestWaiting } from '../spool.ts'

/** `isthmus sql`: one query of the user, read-only, with nothing else in reach. */
export async function sqlCommand(query: string, options: { readonly format: string }): Promise<void> {
  const format = rowFormat(options.format)
  await ingestWaiting()
  const { columns, rows } = await querySandboxed(isthmusHome().results, query)
  process.stdout.write(formatRows({ columns: columns.map(({ name }) => name), rows }, format))
}
