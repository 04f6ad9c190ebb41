import { type FileHandle, open } from 'node:fs/promises'
import { CheckpointError } from './checkpoint-error.ts'

interface PooledFile {
  readonly handle: Promise<FileHandle>
  /** Reads in progress: a file that is being read stays open. */
  uses: number
}

/** What reading headers takes: sizes, and ranges of bytes. */
export type RangeReader = Pick<FileHandlePool, 'size' | 'read'>

/** Reads ranges of files through a bounded number of open handles; the least recently used one makes room. */
export class FileHandlePool {
  readonly #limit: number
  /** In the order of their last use. */
  readonly #files = new Map<string, PooledFile>()
  /** Size and time of modification when a file was opened first, so that one that changed meanwhile is noticed. */
  readonly #versions = new Map<string, string>()
  #waiting: (() => void)[] = []
  #closed = false

  /** @param limit Handles that are open at once, at most. */
  constructor(limit = 16) {
    this.#limit = limit
  }

  /** The size of a file in bytes.
   *
   *  @throws {CheckpointError} when the file cannot be opened.
   */
  size(path: string): Promise<number> {
    return this.#use(path, async (handle) => (await handle.stat()).size)
  }

  /** Fill `target` with the bytes from `position` on.
   *
   *  @throws {CheckpointError} when the file cannot be opened, ends early, or has changed since its first use.
   */
  read(path: string, target: Uint8Array, position: number): Promise<void> {
    return this.#use(path, async (handle) => {
      for (let filled = 0; filled < target.length; ) {
        const length = Math.min(target.length - filled, MAX_READ_BYTES)
        const { bytesRead } = await handle.read(target, filled, length, position + filled)
        if (bytesRead === 0) {
          throw new CheckpointError(
            `${path} ended at byte ${position + filled} while bytes up to ${position + target.length} were read: ` +
              'it was cut short after it was opened; restore it and open it again',
          )
        }
        filled += bytesRead
      }
    })
  }

  /** Close every handle once its reads are done; later reads fail. */
  async close(): Promise<void> {
    this.#closed = true
    this.#wake()
    const files = [...this.#files.values()]
    this.#files.clear()
    for (const file of files) await closeQuietly(file.handle)
  }

  async #use<Result>(path: string, action: (handle: FileHandle) => Promise<Result>): Promise<Result> {
    const file = await this.#acquire(path)
    try {
      return await action(await file.handle)
    } finally {
      file.uses -= 1
      this.#wake()
    }
  }

  async #acquire(path: string): Promise<PooledFile> {
    for (;;) {
      if (this.#closed) throw new CheckpointError(`${path} is read after its checkpoint was closed: open it again`)
      const known = this.#files.get(path)
      const idle = [...this.#files].find(([, file]) => file.uses === 0)
      if (known !== undefined || this.#files.size < this.#limit || idle !== undefined) {
        const evicted = known === undefined && this.#files.size >= this.#limit ? idle : undefined
        if (evicted !== undefined) this.#files.delete(evicted[0])
        const file = known ?? { handle: this.#open(path, evicted?.[1].handle), uses: 0 }
        file.uses += 1
        this.#files.delete(path)
        this.#files.set(path, file)
        return file
      }
      await new Promise<void>((resolve) => this.#waiting.push(resolve))
    }
  }

  async #open(path: string, evicted: Promise<FileHandle> | undefined): Promise<FileHandle> {
    if (evicted !== undefined) await closeQuietly(evicted)
    try {
      const handle = await openForReading(path)
      const { size, mtimeMs } = await handle.stat()
      const version = `${size} ${mtimeMs}`
      if ((this.#versions.get(path) ?? version) !== version) {
        await handle.close()
        throw new CheckpointError(`${path} has changed since its checkpoint was opened: open it again`)
      }
      this.#versions.set(path, version)
      return handle
    } catch (error) {
      this.#files.delete(path)
      throw error
    }
  }

  #wake(): void {
    const waiting = this.#waiting
    this.#waiting = []
    for (const resume of waiting) resume()
  }
}

/** One `pread` transfers less than 2 GiB. */
const MAX_READ_BYTES = 2 ** 30

async function openForReading(path: string): Promise<FileHandle> {
  try {
    const handle = await open(path, 'r')
    if ((await handle.stat()).isFile()) return handle
    await handle.close()
  } catch (cause) {
    const code = (cause as NodeJS.ErrnoException).code
    const reason = code === 'ENOENT' ? 'there is no such file' : (cause as Error).message
    throw new CheckpointError(`cannot read ${path}: ${reason}; check the path and its permissions`, { cause })
  }
  throw new CheckpointError(`cannot read ${path}: it is not a file; give the path of a file`)
}

async function closeQuietly(opening: Promise<FileHandle>): Promise<void> {
  const handle = await opening.catch(() => undefined)
  await handle?.close()
}
