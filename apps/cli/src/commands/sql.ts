import { statSync } from 'node:fs'
import { dirname, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { queryInProcess } from '@isthmus/results'
import { UserError } from '@isthmus/tensor'
import { formatRows, rowFormat } from '../format-rows.ts'
import { isthmusHome } from '../home.ts'
import { ingestWaiting } from '../spool.ts'

/** `isthmus sql`: one query of the user, read-only, with nothing else in reach, in a process that can be ended. */
export async function sqlCommand(query: string, options: { readonly format: string }): Promise<void> {
  const format = rowFormat(options.format)
  await ingestWaiting()
  const { results } = isthmusHome()
  const abort = new AbortController()
  process.once('SIGINT', () => abort.abort(new UserError('the query was interrupted')))
  const { columns, rows } = await queryInProcess(results, query, {
    workerModule: resolve(dirname(fileURLToPath(import.meta.url)), 'query.mjs'),
    signal: abort.signal,
  })
  process.stdout.write(formatRows({ columns: columns.map(({ name }) => name), rows }, format))
  process.stderr.write(
    `results recorded up to ${statSync(results).mtime.toISOString().slice(0, 19).replace('T', ' ')} UTC\n`,
  )
}
