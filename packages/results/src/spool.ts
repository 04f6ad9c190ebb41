import { createHash, randomUUID } from 'node:crypto'
import { mkdir, open, readdir, readFile, rename, rm } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { UserError } from '@isthmus/tensor'
import { ResultsInUseError } from './open-database.ts'
import { openResults, type Results } from './open-results.ts'
import { checkRows, concatenateRows, type ResultRows, tablesOfRows } from './rows.ts'
import { decodeRows, encodeRows } from './rows-json.ts'

/** What became of rows given to `recordRows` or waiting in the spool. */
export interface SpoolReport {
  /** How many spooled files are now in the database. */
  readonly ingested: number
  /** Sentences for the user: rows left in the spool, or spooled files that were no good and were moved aside. */
  readonly notices: readonly string[]
  /** That rows are left in the spool since another process has the database: a server takes them in by itself. */
  readonly isInUse?: true
}

/** How `recordRows` waits. */
export interface RecordRowsOptions {
  /** How long to wait for the database before leaving the rows in the spool, in milliseconds. Default 2,000. */
  readonly waitMs?: number
  /** Called with the open database once the rows are in it, to read from it without opening it again. */
  readonly afterwards?: (results: Results) => Promise<void>
}

/** Where the results of a home folder are. */
export function resultsPath(directory: string): string {
  return join(directory, 'results.duckdb')
}

/** Put rows into the database of a home folder, after those that wait in its spool.
 *
 *  A process that cannot open or write the database leaves its rows in `spool/<SHA-256 of the file>.json` and says so in the
 *  report; the next `recordRows` or `ingestSpool` takes them in. With no rows given and none waiting, nothing is opened.
 *
 *  @param directory The home folder (`.isthmus`), created when missing.
 *  @throws {TypeError} when a row lacks a field or has one of another type.
 *  @throws {UserError} when neither the database nor the spool can be written.
 */
export async function recordRows(
  directory: string,
  rows: ResultRows,
  options: RecordRowsOptions = {},
): Promise<SpoolReport> {
  checkRows(rows)
  const empty = tablesOfRows.every(({ list }) => !rows[list]?.length)
  if (empty && (await spooledFiles(directory)).length === 0) return { ingested: 0, notices: [] }
  try {
    const results = await openResults(resultsPath(directory), { waitMs: options.waitMs ?? 2_000 })
    try {
      const report = await ingestWithSpool(results, directory, rows)
      await options.afterwards?.(results)
      return report
    } finally {
      await results.close()
    }
  } catch (error) {
    if (!(error instanceof UserError)) throw error
    const wait = empty
      ? `Results still wait in ${spoolPath(directory)}`
      : `The results wait in ${await spoolRows(directory, rows)}: the next command takes them in`
    const isInUse = error instanceof ResultsInUseError ? { isInUse: true as const } : {}
    return { ingested: 0, notices: [`${error.message}. ${wait}`], ...isInUse }
  }
}

/** Take the rows that wait in the spool of a home folder into its open database.
 *
 *  All files go in with one transaction and are removed after its commit; a process killed in between ingests them
 *  again, which changes nothing. A file whose content does not match its digest, or that another version wrote, is
 *  renamed to `<name>.rejected`, and the report says so.
 */
export async function ingestSpool(results: Results, directory: string): Promise<SpoolReport> {
  return ingestWithSpool(results, directory, {})
}

async function ingestWithSpool(results: Results, directory: string, rows: ResultRows): Promise<SpoolReport> {
  const bundles: ResultRows[] = []
  const accepted: string[] = []
  const notices: string[] = []
  for (const file of await spooledFiles(directory)) {
    try {
      bundles.push(decodeSpooled(file, await readFile(file, 'utf8')))
      accepted.push(file)
    } catch (error) {
      await rename(file, `${file}.rejected`)
      const reason = error instanceof Error ? error.message : String(error)
      notices.push(
        `${file} was moved aside to ${basename(file)}.rejected: ${reason}. Run its study again: the results come back from the cache`,
      )
    }
  }
  await results.ingest(concatenateRows([...bundles, rows]))
  for (const file of accepted) await rm(file, { force: true })
  return { ingested: accepted.length, notices }
}

function spoolPath(directory: string): string {
  return join(directory, 'spool')
}

async function spooledFiles(directory: string): Promise<string[]> {
  try {
    const names = await readdir(spoolPath(directory))
    return names
      .filter((name) => name.endsWith('.json'))
      .sort()
      .map((name) => join(spoolPath(directory), name))
  } catch (error) {
    if (isErrno(error, 'ENOENT')) return []
    throw error
  }
}

async function spoolRows(directory: string, rows: ResultRows): Promise<string> {
  const content = encodeRows(rows)
  const folder = spoolPath(directory)
  const file = join(folder, `${sha256(content)}.json`)
  try {
    await mkdir(folder, { recursive: true })
    const temporary = join(folder, `.${randomUUID()}.tmp`)
    await writeDurably(temporary, content)
    await rename(temporary, file)
    const handle = await open(folder, 'r')
    await handle.sync()
    await handle.close()
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error)
    throw new UserError(
      `The results could be written neither to the database nor to ${folder} (${reason}): free the disk, and run the study again from the cache`,
      { cause: error },
    )
  }
  return file
}

async function writeDurably(path: string, content: string): Promise<void> {
  const handle = await open(path, 'wx')
  try {
    await handle.writeFile(content)
    await handle.sync()
  } catch (error) {
    await rm(path, { force: true })
    throw error
  } finally {
    await handle.close()
  }
}

function decodeSpooled(file: string, content: string): ResultRows {
  if (basename(file) !== `${sha256(content)}.json`) throw new Error('its content does not match the digest in its name')
  return decodeRows(JSON.parse(content))
}

function sha256(content: string): string {
  return createHash('sha256').update(content).digest('hex')
}

function isErrno(error: unknown, code: string): boolean {
  return error instanceof Error && 'code' in error && error.code === code
}
