import { randomUUID } from 'node:crypto'
import { existsSync } from 'node:fs'
import { link, mkdir, readdir, rename, rm, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Snapshot } from '@isthmus/results'
import { UserError } from '@isthmus/tensor'

/** A copy of the results of a home that is served. */
export interface ResultsCopy extends AsyncDisposable {
  /** Its time of change is when the results were so. */
  readonly path: string
}

/** How long a server is waited for, in milliseconds. */
export interface RequestCopyOptions {
  /** Until it takes notice of the request. Default 5,000: it looks every second. */
  readonly noticeMs?: number
  /** Until it has answered. Default 60,000. */
  readonly waitMs?: number
}

const pollMilliseconds = 50
/** After which what is left of commands that were killed is removed. */
const leftMilliseconds = 3_600_000

/** Commands ask for a copy by a file, which only those can make who may write into the home folder:
 *
 *      server/copies/<id>.wanted   a command asks
 *      server/copies/<id>.taken    the server is at it
 *      server/copies/<id>.duckdb   the copy, which the command removes
 *      server/copies/<id>.failed   there is none
 *
 *  A full disk has room for each of them.
 */
function copiesFolder(home: string): string {
  return join(home, 'server', 'copies')
}

/** Ask the server of a home folder for a copy of its results, with all that the spool held before this call.
 *
 *  @returns Undefined where no server answers.
 *  @throws {UserError} when it cannot make one, takes too long, or the folder cannot be written.
 */
export async function requestCopy(home: string, options: RequestCopyOptions = {}): Promise<ResultsCopy | undefined> {
  const { noticeMs = 5000, waitMs = 60_000 } = options
  const stem = join(copiesFolder(home), randomUUID())
  const wanted = `${stem}.wanted`
  await ask(home, wanted)
  try {
    for (const start = performance.now(); ; await sleep(pollMilliseconds)) {
      const path = `${stem}.duckdb`
      if (existsSync(path)) return { path, [Symbol.asyncDispose]: () => rm(path, { force: true }) }
      if (existsSync(`${stem}.failed`)) throw notCopied(home, 'could not copy its results')
      const waited = performance.now() - start
      if (existsSync(wanted) ? waited > noticeMs : waited > waitMs) break
    }
    if (existsSync(wanted)) return undefined
    throw notCopied(home, `has not copied its results within ${waitMs / 1000} s`)
  } finally {
    await rm(wanted, { force: true })
    await rm(`${stem}.failed`, { force: true })
  }
}

function notCopied(home: string, what: string): UserError {
  return new UserError(`The server of ${home} ${what}: see in its log whether the disk is full, and try again`)
}

async function ask(home: string, wanted: string): Promise<void> {
  try {
    await mkdir(copiesFolder(home), { recursive: true, mode: 0o700 })
    await writeFile(wanted, '')
  } catch (error) {
    throw new UserError(
      `The results of ${home} are in use, and a server cannot be asked for a copy (${(error as Error).message}): free the disk, or ask as its user`,
    )
  }
}

/** Stems of the requests that there are. What is left of commands that were killed is removed. */
export async function wantedCopies(home: string, now = Date.now()): Promise<string[]> {
  const folder = copiesFolder(home)
  await removeLeft(folder, now)
  const names = await readdir(folder).catch(() => [])
  return names.filter((name) => name.endsWith('.wanted')).map((name) => join(folder, name.slice(0, -'.wanted'.length)))
}

/** Answer requests, all by one snapshot: another name for it costs nothing.
 *
 *  @param stems As `wantedCopies` gave them.
 *  @throws what `useSnapshot` throws, after those who ask were told that there is none.
 */
export async function answerRequests(
  stems: readonly string[],
  useSnapshot: (task: (snapshot: Snapshot) => Promise<void>) => Promise<void>,
): Promise<void> {
  const taken: string[] = []
  for (const stem of stems) {
    // One that gave up meanwhile has removed it.
    await rename(`${stem}.wanted`, `${stem}.taken`).then(() => taken.push(stem), ignoreMissing)
  }
  if (taken.length === 0) return
  try {
    await useSnapshot(async ({ path }) => {
      for (const stem of taken) await link(path, `${stem}.duckdb`)
    })
  } catch (error) {
    for (const stem of taken) await rename(`${stem}.taken`, `${stem}.failed`).catch(() => undefined)
    throw error
  } finally {
    for (const stem of taken) await rm(`${stem}.taken`, { force: true })
  }
}

async function removeLeft(folder: string, now: number): Promise<void> {
  for (const name of await readdir(folder).catch(() => [])) {
    const path = join(folder, name)
    // When it came here: its content may be older.
    const changed = (await stat(path).catch(ignoreMissing))?.ctimeMs
    if (changed !== undefined && now - changed > leftMilliseconds) await rm(path, { force: true })
  }
}

function ignoreMissing(error: NodeJS.ErrnoException): undefined {
  if (error.code !== 'ENOENT') throw error
}
