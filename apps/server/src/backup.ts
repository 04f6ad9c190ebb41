import { randomUUID } from 'node:crypto'
import { existsSync } from 'node:fs'
import { copyFile, link, mkdir, readdir, rename, rm } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { openResults, ResultsInUseError, resultsPath } from '@isthmus/results'
import { UserError } from '@isthmus/tensor'
import { requestCopy } from './results-copy.ts'
import { tokenUsesPath } from './token-uses.ts'
import { tokensPath } from './tokens.ts'

/** What a backup came to, or a restoration. */
export interface Copied {
  /** Files of the cache, records and blobs. */
  readonly files: number
  /** Whether the results were there. */
  readonly hasResults: boolean
}

/** How a backup is made. */
export interface BackupOptions {
  /** Called after each file of the cache. */
  readonly onFile?: (done: number, total: number) => void
  /** How long a server that has the results is given to copy them, in milliseconds. Default 60,000. */
  readonly waitMs?: number
}

/** Of the cache, in this order: the blobs of a record were there before it. */
const folders = ['actions', 'blobs']

/** Copy a home folder, also while it is served: results as of one moment, tokens, records, and blobs.
 *
 *  Records and blobs never change, so they are linked where source and copy are on one file system: that costs no space.
 *  Blobs in a bucket are not in the home folder, and not in its backup.
 *  @param out A new folder, which appears when all of it is there.
 *  @throws {UserError} when there is nothing to copy, `out` exists, or it cannot be written.
 */
export async function backupHome(home: string, out: string, options: BackupOptions = {}): Promise<Copied> {
  if (!existsSync(join(home, 'cache')) && !existsSync(resultsPath(home))) {
    throw new UserError(`${home} holds nothing that could be backed up: name a home folder by ISTHMUS_HOME`)
  }
  return writeHome(out, async (folder) => {
    const files = await copyCache(home, folder, options.onFile)
    for (const path of [tokensPath, tokenUsesPath]) if (existsSync(path(home))) await copyInto(path(home), path(folder))
    const hasResults = existsSync(resultsPath(home))
    if (hasResults) await copyResults(home, resultsPath(folder), options.waitMs ?? 60_000)
    return { files, hasResults }
  })
}

/** Make a home folder of a backup.
 *
 *  @param home Must not exist, or be empty.
 *  @throws {UserError} when `backup` is none, `home` holds something, or it cannot be written.
 */
export async function restoreHome(backup: string, home: string, options: BackupOptions = {}): Promise<Copied> {
  if (!existsSync(join(backup, 'cache', 'format.json'))) {
    throw new UserError(`${backup} is no backup: there is no cache/format.json in it`)
  }
  const isEmpty = !existsSync(home) || (await readdir(home)).length === 0
  if (!isEmpty)
    throw new UserError(`${home} holds something already: name a new home folder by ISTHMUS_HOME, or move it away`)
  await rm(home, { recursive: true, force: true })
  return backupHome(backup, home, options)
}

async function writeHome(out: string, write: (folder: string) => Promise<Copied>): Promise<Copied> {
  if (existsSync(out)) throw new UserError(`${out} exists already: name a new folder`)
  const temporary = `${out}.${randomUUID()}.tmp`
  try {
    const copied = await write(temporary)
    await rename(temporary, out)
    return copied
  } catch (error) {
    if (error instanceof UserError) throw error
    throw new UserError(`${out} cannot be written (${(error as Error).message}): free the disk, or name another folder`)
  } finally {
    await rm(temporary, { recursive: true, force: true })
  }
}

async function copyCache(home: string, out: string, onFile: BackupOptions['onFile']): Promise<number> {
  const found: string[] = []
  for (const folder of folders) {
    const entries = await readdir(join(home, 'cache', folder), { recursive: true, withFileTypes: true }).catch(() => [])
    for (const entry of entries) if (entry.isFile()) found.push(join(entry.parentPath, entry.name))
  }
  await mkdir(join(out, 'cache'), { recursive: true })
  const format = join(home, 'cache', 'format.json')
  if (existsSync(format)) await copyFile(format, join(out, 'cache', 'format.json'))
  for (const [index, path] of found.entries()) {
    await linkInto(path, join(out, path.slice(home.length + 1)))
    onFile?.(index + 1, found.length)
  }
  return found.length
}

/** A file that never changes: another name for it where that can be, else a copy. One that is gone was garbage. */
async function linkInto(from: string, to: string): Promise<void> {
  await mkdir(dirname(to), { recursive: true })
  try {
    await link(from, to)
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    if (code === 'ENOENT' && !existsSync(from)) return
    if (code !== 'EXDEV' && code !== 'EPERM' && code !== 'EMLINK' && code !== 'ENOTSUP') throw error
    await copyFile(from, to)
  }
}

async function copyInto(from: string, to: string): Promise<void> {
  await mkdir(dirname(to), { recursive: true, mode: 0o700 })
  await copyFile(from, to)
}

/** Copy the results: by oneself where nobody has them, else by asking the server that does. */
async function copyResults(home: string, to: string, waitMs: number): Promise<void> {
  try {
    const results = await openResults(resultsPath(home), { waitMs: 0 })
    try {
      await results.copyTo(to)
    } finally {
      await results.close()
    }
  } catch (error) {
    if (!(error instanceof ResultsInUseError)) throw error
    await using copy = await requestCopy(home, { waitMs })
    if (copy === undefined) throw new UserError(`${error.message}; no server answers for it`)
    await copyFile(copy.path, to)
  }
}
