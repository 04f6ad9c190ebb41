import { UserError } from '@isthmus/tensor'
import type { Digest } from './digest.ts'

/** The cache cannot be written: the disk is full, the directory is read-only, or its file system lacks hard links.
 *  A run stops on it, since every further node would fail alike.
 */
export class CacheWriteError extends UserError {
  override readonly name = 'CacheWriteError'
}

/** A blob of the cache is gone, or its content has another digest than its name. A run computes it again. */
export class CorruptBlobError extends Error {
  override readonly name = 'CorruptBlobError'
  readonly blob: Digest
  readonly found: 'corrupt' | 'missing'

  constructor(blob: Digest, found: 'corrupt' | 'missing', path: string, options?: ErrorOptions) {
    const what = found === 'corrupt' ? 'has other content than its digest says' : 'is missing'
    super(`The blob ${path} ${what}; run again to compute it anew.`, options)
    this.blob = blob
    this.found = found
  }
}

/** A worker process ended before it answered. */
export class WorkerLostError extends Error {
  override readonly name = 'WorkerLostError'
}

/** An error as data, to cross a process boundary. */
export interface SerializedError {
  readonly name: string
  readonly message: string
  readonly stack?: string
  readonly kind: 'error' | 'user' | 'cache-write' | 'corrupt-blob' | 'worker-lost'
  readonly blob?: { readonly digest: Digest; readonly found: 'corrupt' | 'missing' }
  readonly cause?: SerializedError
}

/** Causes of causes that are kept: what an operation throws may have itself as its cause. */
const maximumCauses = 8

/** Turn anything thrown into data that keeps its name, message, stack, cause, and whether the user can mend it. */
export function serializeError(thrown: unknown, causes = maximumCauses): SerializedError {
  const error = thrown instanceof Error ? thrown : new Error(String(thrown))
  const base = {
    name: error.name,
    message: error.message,
    ...(error.stack && { stack: error.stack }),
    ...(error.cause !== undefined && causes > 0 && { cause: serializeError(error.cause, causes - 1) }),
  }
  if (error instanceof CorruptBlobError) {
    return { ...base, kind: 'corrupt-blob', blob: { digest: error.blob, found: error.found } }
  }
  if (error instanceof CacheWriteError) return { ...base, kind: 'cache-write' }
  if (error instanceof WorkerLostError) return { ...base, kind: 'worker-lost' }
  return { ...base, kind: error instanceof UserError ? 'user' : 'error' }
}

/** Make an error again from data: a `UserError` stays one, under the name of its subclass. */
export function deserializeError(data: SerializedError): Error {
  const error = revive(data)
  const properties = {
    name: data.name,
    message: data.message,
    ...(data.stack && { stack: data.stack }),
    ...(data.cause && { cause: deserializeError(data.cause) }),
  }
  for (const [name, value] of Object.entries(properties)) {
    Object.defineProperty(error, name, { value, configurable: true, writable: true, enumerable: false })
  }
  return error
}

function revive(data: SerializedError): Error {
  if (data.blob) return new CorruptBlobError(data.blob.digest, data.blob.found, data.blob.digest)
  if (data.kind === 'cache-write') return new CacheWriteError(data.message)
  if (data.kind === 'worker-lost') return new WorkerLostError(data.message)
  return data.kind === 'user' ? new UserError(data.message) : new Error(data.message)
}

/** Say in one sentence why a write under the cache directory failed, where the user can mend it.
 *
 *  @param error What a file system call threw.
 *  @returns A `CacheWriteError` for a full disk, a directory that may not be written and a file system without hard
 *    links; any other error as it is.
 */
export function translateWriteError(error: unknown, directory: string): Error {
  const code = error instanceof Error && 'code' in error ? error.code : undefined
  switch (code) {
    case 'ENOSPC':
    case 'EDQUOT':
      return new CacheWriteError(
        `The disk that holds the cache ${directory} is full: free some space or collect the garbage of the cache, ` +
          'then run again; what had finished is kept.',
        { cause: error },
      )
    case 'EROFS':
    case 'EACCES':
    case 'EPERM':
      return new CacheWriteError(
        `The cache ${directory} cannot be written (${code}): give yourself write permission, or name another ` +
          'directory for the cache.',
        { cause: error },
      )
    case 'ENOTDIR':
    case 'EEXIST':
      return new CacheWriteError(
        `The cache ${directory} cannot be made, since a part of that path is a file: name another directory for it.`,
        { cause: error },
      )
    case 'ENOTSUP':
    case 'ENOSYS':
      return new CacheWriteError(
        `The file system of the cache ${directory} has no hard links (${code}): name a directory on a POSIX file ` +
          'system for the cache.',
        { cause: error },
      )
    default:
      return error instanceof Error ? error : new Error(String(error))
  }
}
