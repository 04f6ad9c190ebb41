import { createHash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { type FileHandle, open, rename, rm, stat } from 'node:fs/promises'
import { CheckpointError } from './checkpoint-error.ts'
import { writeError } from './write-file-atomically.ts'

/** A file on a hub, with the digest that names its content. */
export interface HubFile {
  readonly name: string
  /** In bytes. */
  readonly size: number
  /** `sha256` of the content where it is kept in large-file storage, else git's `sha1` of the blob. */
  readonly algorithm: 'sha256' | 'git-sha1'
  readonly digest: string
}

/** Where a download comes from, and who follows it. */
export interface DownloadSource {
  /** What an error calls it. */
  readonly name: string
  /** Gives the content from a byte on. */
  openAt(begin: number): Promise<ReadableStream<Uint8Array>>
  /** Whether an error stays when the same is asked again. */
  isFinal(error: unknown): boolean
  /** Told how many bytes are there. */
  onProgress(done: number): void
}

/** How often in turn a download may bring nothing before it is given up. */
const MAX_FAILURES = 3

/** Download a file to `path`, going on where an earlier download ended, and check its digest.
 *
 *  What has arrived is kept beside it as `<path>.incomplete`; a connection that drops is taken up again by itself.
 *  Two processes may download one file: both write the same bytes to the same places.
 *  @throws {CheckpointError} when other bytes arrive than the digest promises; they are removed.
 */
export async function downloadVerified(file: HubFile, path: string, source: DownloadSource): Promise<void> {
  if (await hasDigest(path, file)) return source.onProgress(file.size)
  const partial = `${path}.incomplete`
  let failures = 0
  for (let done = await sizeOf(partial); done !== file.size; done = await sizeOf(partial)) {
    try {
      if (done > file.size) await rm(partial)
      else await receive(partial, Math.max(done, 0), file.size, source)
    } catch (error) {
      failures = (await sizeOf(partial)) > done ? 0 : failures + 1
      if (source.isFinal(error) || failures === MAX_FAILURES) throw error
      await new Promise((resolve) => setTimeout(resolve, 200 * failures))
    }
  }
  const received = await digestOf(partial, file).catch(() => 'missing')
  if (received !== file.digest && !(await hasDigest(path, file))) {
    await rm(partial, { force: true })
    throw new CheckpointError(
      `${file.name} of ${source.name} arrived damaged: its ${file.algorithm} should be ${file.digest}, but is ${received}; ` +
        'it was removed: pull again',
    )
  }
  await rename(partial, path).catch(async (error) => {
    // Another process was first.
    if (!(await hasDigest(path, file))) throw writeError(path, error)
  })
}

/** Append what a source gives from byte `done` on. */
async function receive(partial: string, done: number, size: number, source: DownloadSource): Promise<void> {
  const stream = await source.openAt(done)
  const target = await openForWriting(partial)
  let position = done
  try {
    for await (const chunk of stream) {
      if (position + chunk.length > size) {
        await target.truncate(0)
        throw new Error(`it sent more than the ${size - done} bytes asked for`)
      }
      await target.write(chunk, 0, chunk.length, position)
      position += chunk.length
      source.onProgress(position)
    }
    if (position < size) throw new Error(`the connection ended after ${position} of ${size} bytes`)
    await target.sync()
  } catch (error) {
    throw writeError(partial, error)
  } finally {
    await target.close()
  }
}

/** Open without truncating: what is there stays. */
async function openForWriting(path: string): Promise<FileHandle> {
  try {
    return await open(path, 'r+')
  } catch {
    return open(path, 'w')
  }
}

async function hasDigest(path: string, file: HubFile): Promise<boolean> {
  return (await sizeOf(path)) === file.size && (await digestOf(path, file)) === file.digest
}

async function digestOf(path: string, { algorithm, size }: HubFile): Promise<string> {
  const hash = createHash(algorithm === 'sha256' ? 'sha256' : 'sha1')
  if (algorithm === 'git-sha1') hash.update(`blob ${size}\0`)
  for await (const chunk of createReadStream(path)) hash.update(chunk)
  return hash.digest('hex')
}

/** In bytes; −1 where there is no file. */
function sizeOf(path: string): Promise<number> {
  return stat(path).then(
    ({ size }) => size,
    () => -1,
  )
}
