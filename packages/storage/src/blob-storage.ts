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
  /** How others can move blobs by themselves; left out where they cannot. Asks the storage whether it checks what it is given.
   *
   *  @throws {UserError} when it does not: what others would put there might be anything.
   */
  direct?(): Promise<DirectTransfer>
  /** All of them, in no order. */
  list(): AsyncIterable<{ readonly digest: Digest; readonly bytes: number }>
  /** Let go of what it holds of others. */
  close(): Promise<void>
}

/** Requests of HTTP by which others, who have no credentials, read and write single blobs, for some minutes. */
export interface DirectTransfer {
  /** The largest blob that can be put so. */
  readonly maximumBytes: number
  /** `GET` it, all of it or a range. Whether it is there is not looked at. */
  toRead(blob: Digest): Promise<DirectRequest>
  /** `PUT` it. The storage itself refuses another content or size, and (412) what is there already. */
  toWrite(blob: Digest, bytes: number): Promise<DirectRequest>
}

/** Where a request goes, and the headers that it must have. Whoever has the address may make it: never log it. */
export interface DirectRequest {
  readonly url: string
  readonly headers: Readonly<Record<string, string>>
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
