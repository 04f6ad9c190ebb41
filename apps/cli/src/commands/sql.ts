import { dirname, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { queryInProcess } from '@isthmus/results'
import { UserError } from '@isthmus/tensor'
import { formatRows, rowFormat } from '../format-rows.ts'
import { readResultsFile } from '../home-results.ts'

/** `isthmus sql`: one query of the user, read-only, with nothing else in reach, in a process that can be ended. */
export async function sqlCommand(query: string, options: { readonly format: string }): Promise<void> {
  const format = rowFormat(options.format)
  const abort = new AbortController()
  process.once('SIGINT', () => abort.abort(new UserError('the query was interrupted')))
  const workerModule = resolve(dirname(fileURLToPath(import.meta.url)), 'query.mjs')
  const { result, freshness } = await readResultsFile((path, waitMs) =>
    queryInProcess(path, query, {
      ...{ workerModule, signal: abort.signal },
      ...(waitMs === undefined ? {} : { waitMs }),
    }),
  )
  const columns = result.columns.map(({ name }) => name)
  process.stdout.write(formatRows({ columns, rows: result.rows }, format))
  process.stderr.write(`${freshness}\n`)
}
