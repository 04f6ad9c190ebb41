import { existsSync } from 'node:fs'
import { chmod, mkdir, rename, utimes } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { UserError } from '@isthmus/tensor'
import type { SourceFile } from './artifact.ts'
import type { Digest } from './digest.ts'
import { digestFile, fingerprint } from './digest-file.ts'
import { CorruptBlobError, translateWriteError } from './errors.ts'
import { fsync, publishFile } from './publish-file.ts'
import { temporaryPath } from './temporary-directory.ts'

/** Files named by the SHA-256 of their content, under `blobs/ab/abcd…`.
 *
 *  Written once, never changed; several processes may publish at once.
 */
export class BlobStore {
  readonly #directory: string
  readonly #others: readonly string[]
  /** Blobs of other caches, by path, whose content was not that of their digest. */
  readonly #rejected = new Set<string>()
  /** Fingerprints at which blobs were last found to have the content of their digest, by path. */
  readonly #verified = new Map<string, string>()
  readonly #folders = new Set<string>()

  /** @param directory That of the cache.
   *  @param others Directories of other caches, which are read where this one lacks a blob, and not written.
   */
  constructor(directory: string, others: readonly string[] = []) {
    this.#directory = directory
    this.#others = others
  }

  /** Where a blob is, or would be written; says nothing of its content. */
  locate(blob: Digest): string {
    const own = blobPath(this.#directory, blob)
    if (this.#others.length === 0 || existsSync(own)) return own
    const elsewhere = this.#others.map((directory) => blobPath(directory, blob))
    return elsewhere.find((path) => !this.#rejected.has(path) && existsSync(path)) ?? own
  }

  /** Whether a blob is there; says nothing of its content. */
  has(blob: Digest): boolean {
    return existsSync(this.locate(blob))
  }

  /** A new path to write a blob to, for `publish`. */
  createTemporary(): string {
    return temporaryPath(join(this.#directory, 'tmp'))
  }

  /** Publish a written file as a blob, durably. The temporary file is gone afterwards.
   *
   *  @param known Its digest, where the caller has taken it already.
   *  @throws {CacheWriteError} when the disk is full or may not be written.
   */
  async publish(temporary: string, known?: Digest): Promise<Digest> {
    try {
      const blob = known ?? (await digestFile(temporary))
      const destination = blobPath(this.#directory, blob)
      await this.#makeFolder(dirname(destination))
      await chmod(temporary, 0o444)
      const isNew = await publishFile(temporary, destination)
      if (isNew) this.#verified.set(destination, await fingerprint(destination))
      else await this.#keepFromCollection(destination)
      return blob
    } catch (error) {
      throw translateWriteError(error, this.#directory)
    }
  }

  /** The path of a blob whose content has been checked, once in this process for each state of the file.
   *
   *  @throws {CorruptBlobError} when it is missing or has another digest.
   */
  async path(blob: Digest): Promise<string> {
    const path = this.locate(blob)
    const state = await fingerprint(path).catch(() => undefined)
    if (state === undefined) throw new CorruptBlobError(blob, 'missing', path)
    if (this.#verified.get(path) === state) return path
    if ((await digestFile(path)) !== blob) throw new CorruptBlobError(blob, 'corrupt', path)
    this.#verified.set(path, state)
    return path
  }

  /** The path of a file of the user, which must still have the content that its digest was taken of.
   *
   *  @throws {UserError} naming the file when it is gone or has changed.
   */
  async sourcePath(file: SourceFile, blob: Digest): Promise<string> {
    const state = await fingerprint(file.path).catch(() => undefined)
    if (state === undefined) {
      throw new UserError(`The file ${file.path} was there when the run began and is gone: restore it and run again.`)
    }
    if (state === file.fingerprint || this.#verified.get(file.path) === state + blob) return file.path
    if ((await digestFile(file.path)) !== blob) {
      throw new UserError(
        `The file ${file.path} has changed since its digest was taken: let nothing write to it while a run reads ` +
          'it, and run again.',
      )
    }
    this.#verified.set(file.path, state + blob)
    return file.path
  }

  /** Move a blob aside if its content does not have its digest, so that it can be published anew; one of another cache
   *  is passed over from now on.
   *
   *  @returns What was found; 'sound' leaves the blob where it is.
   */
  async quarantine(blob: Digest): Promise<'sound' | 'corrupt' | 'missing'> {
    this.#verified.delete(this.locate(blob))
    try {
      await this.path(blob)
      return 'sound'
    } catch (error) {
      if (!(error instanceof CorruptBlobError)) throw error
      if (error.found === 'corrupt') await this.#moveAside(blob)
      return error.found
    }
  }

  async #moveAside(blob: Digest): Promise<void> {
    const path = this.locate(blob)
    if (path !== blobPath(this.#directory, blob)) {
      this.#rejected.add(path)
      return
    }
    const folder = join(this.#directory, 'quarantine')
    try {
      await mkdir(folder, { recursive: true })
      await rename(path, join(folder, blob))
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw translateWriteError(error, this.#directory)
    }
  }

  async #makeFolder(folder: string): Promise<void> {
    if (this.#folders.has(folder)) return
    const created = await mkdir(folder, { recursive: true })
    if (created !== undefined) await fsync(dirname(folder))
    this.#folders.add(folder)
  }

  /** Garbage collection spares young blobs: make one that is used again young. */
  async #keepFromCollection(path: string): Promise<void> {
    const now = new Date()
    await utimes(path, now, now).catch((error: NodeJS.ErrnoException) => {
      if (error.code !== 'ENOENT' && error.code !== 'EPERM') throw error
    })
  }
}

function blobPath(directory: string, blob: Digest): string {
  return join(directory, 'blobs', blob.slice(0, 2), blob)
}
