import type { Readable } from 'node:stream'
import type { Digest } from '@isthmus/dataflow'

/** Bytes of a blob, both ends included, counted from 0. */
export interface ByteRange {
  readonly start: number
  readonly end: number
}

/** Where blobs are kept: files that are named by the SHA-256 of their content, and never change. */
export interface BlobStorage {
  /** For people. */
  readonly name: string
  /** Those of these blobs that are not there. */
  missing(blobs: readonly Digest[]): Promise<Digest[]>
  /** In bytes; undefined when it is not there. */
  size(blob: Digest): Promise<number | undefined>
  /** The content of a blob that is there, or a part of it. */
  read(blob: Digest, range?: ByteRange): Promise<Readable>
  /** Take a blob. It is there whole and durably, or not at all, however the call ends; of several who give it at once the first wins.
   *
   *  @returns False when it was there already.
   *  @throws {WrongContentError} when the content has another digest.
   *  @throws {BlobTooLargeError} when it has more than `maximumBytes`.
   */
  write(blob: Digest, content: AsyncIterable<Uint8Array>, options?: WriteOptions): Promise<boolean>
  /** All of them, in no order. */
  list(): AsyncIterable<{ readonly digest: Digest; readonly bytes: number }>
  /** Let go of what it holds of others. */
  close(): Promise<void>
}

/** How a blob is written. */
export interface WriteOptions {
  /** Default: any size. */
  readonly maximumBytes?: number
}

/** What was given as a blob has other content than its digest says. */
export class WrongContentError extends Error {
  override readonly name = 'WrongContentError'

  constructor(expected: Digest, found: string) {
    super(`The content has the SHA-256 ${found}, expected ${expected}: was it cut off, or changed while it was read?`)
  }
}

/** A blob has more bytes than are taken. */
export class BlobTooLargeError extends Error {
  override readonly name = 'BlobTooLargeError'

  constructor(maximumBytes: number) {
    super(`The content has more than ${maximumBytes} bytes, which is all that is taken.`)
  }
}
