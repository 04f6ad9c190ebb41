import { existsSync } from 'node:fs'
import { mkdir } from 'node:fs/promises'
import { dirname, resolve } from 'node:path'
import type { DuckDBConnection, DuckDBInstance, DuckDBValue } from '@duckdb/node-api'
import { UserError } from '@isthmus/tensor'
import { copyElsewhere } from './copy-elsewhere.ts'
import { createDatabase } from './create-database.ts'
import { ingestRows } from './ingest.ts'
import { type JsonValue, jsonValueConverter } from './json-value.ts'
import { oldestVersion, schemaVersion } from './migrations.ts'
import {
  explainFailure,
  isDiskFailure,
  isFatal,
  messageOf,
  openDatabase,
  ResultsNotWrittenError,
} from './open-database.ts'
import { checkRows, type ResultRows } from './rows.ts'
import { createSchema, readSchemaVersion, upgradeSchema } from './schema.ts'

/** How `openResults` opens the file. */
export interface OpenResultsOptions {
  /** Many processes may read at once, and none while one writes. Default `false`. */
  readonly readOnly?: boolean
  /** How long to wait for a file that another process has, in milliseconds. Default 10,000. */
  readonly waitMs?: number
}

/** A value that may stand for `$1`, `$2`, … or `?` in a query. */
export type QueryParameter = null | boolean | number | string

/** The tail of what was asked of each open file in this process: one transaction at a time, in the order of asking. */
const pending = new Map<string, Promise<unknown>>()

/** An open file. */
interface Session {
  readonly instance: DuckDBInstance
  readonly connection: DuckDBConnection
}

const defaultWaitMs = 10_000

/** The database of results, open until `close`. */
export class Results {
  readonly path: string
  readonly #duckdb: typeof import('@duckdb/node-api')
  readonly #access: Record<string, string>
  /** Undefined after a failure that DuckDB does not survive, until the file is opened anew. */
  #session: Session | undefined
  #open = true
  #writes = 0

  /** For `openResults`: an open file, which this object closes.
   *
   *  @param access DuckDB's configuration, to open it again by.
   */
  constructor(
    duckdb: typeof import('@duckdb/node-api'),
    path: string,
    access: Record<string, string>,
    session: Session,
  ) {
    this.#duckdb = duckdb
    this.path = path
    this.#access = access
    this.#session = session
  }

  /** Insert rows in one transaction, replacing those of the same key: ingesting twice changes nothing.
   *
   *  When it throws, nothing was inserted.
   *  @throws {TypeError} when a row lacks a field or has one of another type.
   *  @throws {ResultsNotWrittenError} when the file cannot be written.
   */
  async ingest(rows: ResultRows): Promise<void> {
    checkRows(rows)
    await this.#change((connection) => ingestRows(this.#duckdb, connection, rows))
  }

  /** Change the database by statements of ours, in one transaction.
   *
   *  @param parameters Where there are any, there is one statement.
   *  @throws {ResultsNotWrittenError} when the file cannot be written.
   */
  async write(sql: string, parameters: readonly QueryParameter[] = []): Promise<void> {
    await this.#change(async (connection) => {
      await connection.run(sql, [...parameters] as DuckDBValue[])
    })
  }

  /** How often the database was changed since it was opened. */
  get writes(): number {
    return this.#writes
  }

  /** Copy the file as it is when all that was asked before is in it, into one that is not there yet.
   *
   *  @throws {ResultsNotWrittenError} when there is no room for it.
   */
  async copyTo(path: string): Promise<void> {
    await this.#exclusively(async ({ connection }) => {
      try {
        await connection.run('checkpoint')
        await copyElsewhere(this.path, path)
      } catch (error) {
        throw isDiskFailure(error) ? notCopied(this.path, error) : error
      }
    })
  }

  /** Run one query of ours (for a user's, see `querySandboxed`).
   *
   *  @param parameters For `$1`, `$2`, … or `?`.
   *  @returns One object per row, by column name, with the values of `jsonValueConverter`.
   */
  async query<Row = Record<string, JsonValue>>(
    sql: string,
    parameters: readonly QueryParameter[] = [],
  ): Promise<Row[]> {
    return this.#exclusively(async ({ connection }) => {
      const result = await connection.run(sql, [...parameters] as DuckDBValue[])
      return (await result.convertRowObjects(jsonValueConverter(this.#duckdb))) as Row[]
    })
  }

  /** Finish what was asked, write it into the file and let other processes have it. A second call does nothing. */
  async close(): Promise<void> {
    if (!this.#open) return
    await this.#exclusively(async () => {
      this.#open = false
      this.#disconnect()
    })
  }

  async #change(task: (connection: DuckDBConnection) => Promise<void>): Promise<void> {
    await this.#exclusively(async ({ connection }) => {
      await inTransaction(connection, this.path, () => task(connection))
      this.#writes += 1
    })
  }

  async #exclusively<T>(task: (session: Session) => Promise<T>): Promise<T> {
    if (!this.#open) throw new Error(`${this.path} was closed`)
    return exclusively(this.path, async () => {
      try {
        return await task(await this.#connected())
      } catch (error) {
        if (isFatal(error)) {
          // At once, so that nobody else takes the file meanwhile; where that fails, whatever comes next tries again.
          this.#disconnect()
          await this.#connected().catch(() => undefined)
        }
        throw error
      }
    })
  }

  async #connected(): Promise<Session> {
    this.#session ??= await openSession(this.#duckdb, this.path, this.#access, defaultWaitMs)
    return this.#session
  }

  #disconnect(): void {
    this.#session?.connection.closeSync()
    this.#session?.instance.closeSync()
    this.#session = undefined
  }
}

async function openSession(
  duckdb: typeof import('@duckdb/node-api'),
  path: string,
  access: Record<string, string>,
  waitMs: number,
): Promise<Session> {
  const instance = await openDatabase(duckdb, path, access, waitMs)
  return { instance, connection: await instance.connect() }
}

/** Run a task after all that was asked of the same file before. */
async function exclusively<T>(path: string, task: () => Promise<T>): Promise<T> {
  const result = (pending.get(path) ?? Promise.resolve()).then(task)
  const tail = result.catch(() => undefined)
  pending.set(path, tail)
  try {
    return await result
  } finally {
    if (pending.get(path) === tail) pending.delete(path)
  }
}

/** Open the DuckDB file of results, creating it with its schema where it is missing and may be written.
 *
 *  A file of an older version is upgraded in place first, also for who only reads it: in one transaction, so that a
 *  process killed in it leaves the file as it was. The import of DuckDB (a quarter of a second) happens here and not
 *  when this package is imported.
 *
 *  @throws {ResultsInUseError} when another process has it for longer than `waitMs`.
 *  @throws {UserError} when it cannot be opened, is missing (`readOnly`), is of a newer version or of one before
 *    `oldestVersion`.
 */
export async function openResults(path: string, options: OpenResultsOptions = {}): Promise<Results> {
  const { readOnly = false, waitMs = defaultWaitMs } = options
  const absolute = resolve(path)
  if (readOnly) requireResults(absolute)
  else await createFolder(dirname(absolute))
  const duckdb = await import('@duckdb/node-api')
  const access = { access_mode: readOnly ? 'READ_ONLY' : 'READ_WRITE' }
  if (!readOnly) await createWhereMissing(duckdb, absolute)
  const session = await openSession(duckdb, absolute, access, waitMs)
  const close = () => {
    session.connection.closeSync()
    session.instance.closeSync()
  }
  try {
    const isCurrent = await exclusively(absolute, () => ensureSchema(session.connection, absolute, readOnly))
    if (isCurrent) return new Results(duckdb, absolute, access, session)
  } catch (error) {
    close()
    throw error
  }
  close()
  await (await openResults(absolute, { waitMs })).close()
  return openResults(absolute, options)
}

/** Refuse to read results that nothing has written yet.
 *
 *  @throws {UserError} when there is no file at `path`.
 */
export function requireResults(path: string): void {
  if (!existsSync(path)) {
    throw new UserError(`There are no results at ${path} yet: run a study first, e.g. isthmus run quickstart`)
  }
}

async function createFolder(folder: string): Promise<void> {
  try {
    await mkdir(folder, { recursive: true })
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error)
    throw new UserError(
      `The folder ${folder} for results cannot be made (${reason}): choose another with ISTHMUS_HOME`,
      {
        cause: error,
      },
    )
  }
}

async function createWhereMissing(duckdb: typeof import('@duckdb/node-api'), path: string): Promise<void> {
  if (existsSync(path)) return
  try {
    await createDatabase(duckdb, path)
  } catch (error) {
    throw explainFailure(path, error instanceof Error ? error.message : String(error), error)
  }
}

/** Make the schema what it is to be, where the file may be written; whether it is. */
async function ensureSchema(connection: DuckDBConnection, path: string, readOnly: boolean): Promise<boolean> {
  const found = await readSchemaVersion(connection)
  if (found === schemaVersion) return true
  const isUpgradable = found !== undefined && found >= oldestVersion && found < schemaVersion
  if (readOnly && isUpgradable) return false
  if (isUpgradable) {
    await inTransaction(connection, path, () => upgradeSchema(connection, found))
    return true
  }
  if (found === undefined && !readOnly) {
    await inTransaction(connection, path, () => createSchema(connection))
    return true
  }
  const isNewer = found !== undefined && found > schemaVersion
  throw new UserError(
    `${path} has ${found === undefined ? 'no results schema' : `schema version ${found}`}, expected version ${schemaVersion}: ${isNewer ? 'use a newer isthmus' : 'delete the file, and the next run rebuilds it from the cache'}`,
  )
}

async function inTransaction(connection: DuckDBConnection, path: string, task: () => Promise<void>): Promise<void> {
  await connection.run('begin')
  try {
    await task()
  } catch (error) {
    // What has failed says more than a rollback that does, too.
    await connection.run('rollback').catch(() => undefined)
    throw isDiskFailure(error) ? notWritten(path, error) : error
  }
  try {
    await connection.run('commit')
  } catch (error) {
    throw notWritten(path, error)
  }
}

function notWritten(path: string, cause: unknown): ResultsNotWrittenError {
  return new ResultsNotWrittenError(
    `${path} could not be written (${messageOf(cause)}): free the disk, and run the study again from the cache`,
    { cause },
  )
}

function notCopied(path: string, cause: unknown): ResultsNotWrittenError {
  return new ResultsNotWrittenError(`${path} could not be copied (${messageOf(cause)}): free the disk, and ask again`, {
    cause,
  })
}
