import { statfs } from 'node:fs/promises'
import { CacheWriteError } from '@isthmus/dataflow'
import { ResultsNotWrittenError } from '@isthmus/results'
import { Refusal } from './refusal.ts'

const defaultSparedBytes = 500_000_000
/** How often the disk is asked while something arrives. */
const checkedBytes = 2 ** 20

/** What may still be written to the disk of a folder. */
export class DiskRoom {
  readonly #folder: string
  readonly #sparedBytes: number

  /** @param sparedBytes Left free. */
  constructor(folder: string, sparedBytes = defaultSparedBytes) {
    this.#folder = folder
    this.#sparedBytes = sparedBytes
  }

  /** Refuse what there is no room for.
   *
   *  @throws {Refusal} with status 507.
   */
  async require(bytes: number): Promise<void> {
    const { bavail, bsize } = await statfs(this.#folder)
    if (bavail * bsize - bytes < this.#sparedBytes) throw diskIsFull()
  }

  /** Pass content on while there is room for it, whatever its sender said of its size.
   *
   *  @throws {Refusal} with status 507.
   */
  async *watch(content: AsyncIterable<Uint8Array>): AsyncIterable<Uint8Array> {
    let unchecked = 0
    for await (const chunk of content) {
      unchecked += chunk.length
      if (unchecked >= checkedBytes) {
        await this.require(unchecked)
        unchecked = 0
      }
      yield chunk
    }
  }
}

/** What a client is told when the disk is full: it may try again when there is room. */
export function diskIsFull(): Refusal {
  const message =
    'the disk of the server is full, or cannot be written: nothing of this was taken; tell who looks after it'
  return new Refusal(507, 'unavailable', message)
}

/** Whether something failed for want of room, or of permission to write. */
export function isDiskFailure(error: unknown): boolean {
  const { code } = error as NodeJS.ErrnoException
  return (
    error instanceof ResultsNotWrittenError ||
    error instanceof CacheWriteError ||
    code === 'ENOSPC' ||
    code === 'EDQUOT'
  )
}
