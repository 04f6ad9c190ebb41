import { statSync } from 'node:fs'
import { openResults, type ResultRows, type Results, ResultsInUseError, recordRows } from '@isthmus/results'
import { UserError } from '@isthmus/tensor'
import { isthmusHome } from './home.ts'

/** How long the results are waited for, in milliseconds, before a server is asked for them: a run has them for moments. */
const briefly = 300
/** How long a server may take to notice that it was asked, in milliseconds. */
const noticeMs = 3000

/** What was read of results, and how fresh they were. */
export interface ReadResults<Result> {
  readonly result: Result
  /** For people. */
  readonly freshness: string
  /** Whether a server has the results, so that a copy was read. */
  readonly isCopy: boolean
}

/** Read the file of this home’s results, after rows that an earlier run could not write were taken in; or a copy of it, where
 *  a server has it.
 *
 *  @param read Called once more when it throws a {ResultsInUseError}; waits for the file as long as it is told, or as it does
 *    otherwise.
 */
export async function readResultsFile<Result>(
  read: (path: string, waitMs?: number) => Promise<Result>,
): Promise<ReadResults<Result>> {
  const { directory, results } = isthmusHome()
  const { notices, isInUse } = await recordRows(directory, {})
  if (!isInUse) say(notices)
  const own = (result: Result) => ({ result, freshness: freshness(results), isCopy: false })
  try {
    return own(await read(results, briefly))
  } catch (error) {
    if (!(error instanceof ResultsInUseError)) throw error
  }
  await using copy = await requestCopy(directory)
  if (copy !== undefined) {
    const result = await read(copy.path)
    return { result, freshness: `${freshness(copy.path)}, by the server that has them`, isCopy: true }
  }
  if (isInUse) say(notices)
  return own(await read(results))
}

/** Read this home’s results, as `readResultsFile` does; of a copy stderr says how fresh it is. */
export async function readResults<Result>(read: (results: Results) => Promise<Result>): Promise<Result> {
  const { result, freshness, isCopy } = await readResultsFile((path, waitMs) => readFile(path, read, waitMs))
  if (isCopy) say([freshness])
  return result
}

/** Record rows of this home, say what could not be recorded, and read the results with them. Where a server has the results,
 *  the rows are left to it, and a copy is read that has them.
 *
 *  @param read Not called when the rows are in no database yet.
 */
export async function recordResults(
  rows: ResultRows,
  read: (results: Results) => Promise<void> = async () => undefined,
): Promise<void> {
  const { directory } = isthmusHome()
  const { notices, isInUse } = await recordRows(directory, rows, { afterwards: read })
  if (!isInUse || !(await readTaken(directory, rows, read))) say(notices)
}

function freshness(path: string): string {
  return `results recorded up to ${statSync(path).mtime.toISOString().slice(0, 19).replace('T', ' ')} UTC`
}

/** Read a copy of a server if that has taken in rows that were left to it; whether it has. */
async function readTaken(
  directory: string,
  rows: ResultRows,
  read: (results: Results) => Promise<void>,
): Promise<boolean> {
  await using copy = await requestCopy(directory).catch((error) => {
    if (!(error instanceof UserError)) throw error
    say([error.message])
    return undefined
  })
  if (copy === undefined) return false
  // Awaited, since the copy goes when this function returns.
  return await readFile(copy.path, async (results) => {
    if (!(await hasRuns(results, rows))) return false
    say([`a server has the results of ${directory}, and has taken in those of this run`])
    await read(results)
    return true
  })
}

async function readFile<Result>(
  path: string,
  read: (results: Results) => Promise<Result>,
  waitMs?: number,
): Promise<Result> {
  const results = await openResults(path, { readOnly: true, ...(waitMs === undefined ? {} : { waitMs }) })
  try {
    return await read(results)
  } finally {
    await results.close()
  }
}

async function hasRuns(results: Results, { studyRuns = [] }: ResultRows): Promise<boolean> {
  const runs = await results.query<{ study: string; run: string }>('select study, run from study_run')
  return studyRuns.every(({ study, run }) => runs.some((known) => known.study === study && known.run === run))
}

async function requestCopy(directory: string) {
  const server = await import('@isthmus/server')
  return server.requestCopy(directory, { noticeMs })
}

function say(notices: readonly string[]): void {
  for (const notice of notices) process.stderr.write(`${notice}\n`)
}
