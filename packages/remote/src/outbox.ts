import { createHash, randomUUID } from 'node:crypto'
import { appendFile, mkdir, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Digest } from '@isthmus/dataflow'
import { decodeRows, encodeRows, type ResultRows } from '@isthmus/results'

const keysSuffix = '.keys'
const rowsSuffix = '.rows.json'
const takenPrefix = 'sending-'

/** What waits to be sent to a server, in files of a home folder, so that no end of a process loses it.
 *
 *      outbox/<server>/<run>.keys        keys of the cache, one a line
 *      outbox/<server>/<run>.rows.json   rows of results
 *
 *  Sending twice changes nothing, so that files are removed only after what they name has arrived.
 */
export class Outbox {
  readonly directory: string

  /** @param home The folder `.isthmus`.
   *  @param url Of the server.
   */
  constructor(home: string, url: string) {
    this.directory = join(home, 'outbox', createHash('sha256').update(url).digest('hex').slice(0, 16))
  }

  /** Add keys of a run. */
  async addKeys(run: string, keys: readonly Digest[]): Promise<void> {
    await mkdir(this.directory, { recursive: true })
    await appendFile(join(this.directory, run + keysSuffix), keys.map((key) => `${key}\n`).join(''))
  }

  /** Replace the rows of a run by those that it has now. */
  async putRows(run: string, rows: ResultRows): Promise<void> {
    await mkdir(this.directory, { recursive: true })
    const temporary = join(this.directory, `.${randomUUID()}.tmp`)
    try {
      await writeFile(temporary, encodeRows(rows))
      await rename(temporary, join(this.directory, run + rowsSuffix))
    } finally {
      await rm(temporary, { force: true })
    }
  }

  /** Forget what is known to have arrived. */
  async removeKeys(run: string): Promise<void> {
    await rm(join(this.directory, run + keysSuffix), { force: true })
  }

  async removeRows(run: string): Promise<void> {
    await rm(join(this.directory, run + rowsSuffix), { force: true })
  }

  /** Take what waits aside, so that a run that still adds to it makes a file of its own; what an earlier taker did not
   *  come to remove is among it.
   */
  async take(): Promise<Waiting[]> {
    const names = await readdir(this.directory).catch((error: NodeJS.ErrnoException) => {
      if (error.code === 'ENOENT') return []
      throw error
    })
    const waiting: Waiting[] = []
    for (const name of names.sort()) {
      if (!name.endsWith(keysSuffix) && !name.endsWith(rowsSuffix)) continue
      const path = join(this.directory, name.startsWith(takenPrefix) ? name : takenPrefix + randomUUID() + name)
      if (!name.startsWith(takenPrefix)) await rename(join(this.directory, name), path)
      waiting.push(await readWaiting(path))
    }
    return waiting
  }
}

/** One file that was taken from an outbox. */
export interface Waiting {
  readonly keys: readonly Digest[]
  readonly rows: ResultRows | undefined
  /** Why it cannot be sent: another version wrote it, or it is no good. */
  readonly fault: string | undefined
  /** Call it when all has arrived. */
  remove(): Promise<void>
}

async function readWaiting(path: string): Promise<Waiting> {
  const content = await readFile(path, 'utf8')
  const remove = () => rm(path, { force: true })
  if (path.endsWith(keysSuffix)) {
    // A line that was cut off by the end of its process is left out: its key was not announced as added.
    const keys = content.split('\n').filter((line) => /^[0-9a-f]{64}$/.test(line)) as Digest[]
    return { keys, rows: undefined, fault: undefined, remove }
  }
  try {
    return { keys: [], rows: decodeRows(JSON.parse(content)), fault: undefined, remove }
  } catch (error) {
    await rename(path, `${path}.rejected`)
    const reason = error instanceof Error ? error.message : String(error)
    const fault = `${path} was moved aside to .rejected: ${reason}; run its study again with --remote`
    return { keys: [], rows: undefined, fault, remove }
  }
}
