import { hash } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { UserError } from '@isthmus/tensor'
import { artifactDigest, type SourceFile } from './artifact.ts'
import type { Cache } from './cache.ts'
import { writeCheckedFile } from './checked-file.ts'
import { decodeCheckedLine } from './checked-line.ts'
import { canonicalJson, type Digest, type Json } from './digest.ts'
import { digestFile, fingerprint } from './digest-file.ts'
import type { Source } from './node.ts'

/** A file written this recently may be written again without its times changing, so its digest is not remembered. */
const settledAfterMilliseconds = 2000

interface SourceMemo extends SourceFile {
  readonly digest: Digest
}

/** Bring files of the user into a graph.
 *
 *  Each file is digested, streamed; the digest is remembered in the cache by path, size, times and inode, so that an
 *  unchanged file costs one `stat` the next time. Files are not copied: operations read them where they are.
 *  @param files Paths by the names that operations know the blobs by.
 *  @param value What operations are told of the files; part of the artifact's digest. Paths are not.
 *  @param label For people. Default: the first path.
 *  @throws {UserError} naming the file when it cannot be read, or changes while it is read.
 */
export async function openSource<Value extends Json>(
  cache: Cache,
  files: Readonly<Record<string, string>>,
  value: Value,
  label?: string,
): Promise<Source<Value>> {
  const blobs: Record<string, Digest> = {}
  const located: Record<string, SourceFile> = {}
  for (const [name, given] of Object.entries(files)) {
    const { digest, ...file } = await digestSourceFile(cache, resolve(given))
    blobs[name] = digest
    located[name] = file
  }
  const exact = JSON.parse(canonicalJson(value)) as Value
  return Object.freeze({
    kind: 'source' as const,
    label: label ?? Object.values(files)[0] ?? 'source',
    artifact: { digest: artifactDigest(exact, blobs), value: exact, blobs },
    files: located,
  })
}

async function digestSourceFile(cache: Cache, path: string): Promise<SourceMemo> {
  const before = await readableFingerprint(path)
  const memoPath = join(cache.directory, 'sources', hash('sha256', path))
  const memo = await readMemo(memoPath)
  if (memo?.path === path && memo.fingerprint === before) return memo
  const digest = await digestFile(path).catch((error: NodeJS.ErrnoException) => {
    throw unreadable(path, error)
  })
  if ((await readableFingerprint(path)) !== before) {
    throw new UserError(`The file ${path} changed while it was being read: let nothing write to it, and run again.`)
  }
  const fresh = { path, fingerprint: before, digest }
  if (!cache.readOnly && isSettled(before)) await writeCheckedFile(cache.directory, memoPath, fresh)
  return fresh
}

async function readableFingerprint(path: string): Promise<string> {
  try {
    return await fingerprint(path)
  } catch (error) {
    throw unreadable(path, error as NodeJS.ErrnoException)
  }
}

function unreadable(path: string, error: NodeJS.ErrnoException): UserError {
  return new UserError(`The file ${path} cannot be read (${error.code}): check the path and its permissions.`, {
    cause: error,
  })
}

function isSettled(state: string): boolean {
  const [, modified, changed] = state.split(':').map((part) => Number(part) / 1e6)
  return Date.now() - Math.max(modified!, changed!) > settledAfterMilliseconds
}

async function readMemo(path: string): Promise<SourceMemo | undefined> {
  const line = await readFile(path, 'utf8').catch(() => undefined)
  return line === undefined ? undefined : (decodeCheckedLine(line.trimEnd()) as SourceMemo | undefined)
}
