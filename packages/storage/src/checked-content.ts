import { createHash } from 'node:crypto'
import type { Digest } from '@isthmus/dataflow'
import { BlobTooLargeError, type WriteOptions, WrongContentError } from './blob-storage.ts'

/** Pass content on, and fail at its end if it is not what it was said to be. */
export async function* checkedContent(
  blob: Digest,
  content: AsyncIterable<Uint8Array>,
  { maximumBytes = Number.POSITIVE_INFINITY }: WriteOptions,
): AsyncIterable<Uint8Array> {
  const hash = createHash('sha256')
  let bytes = 0
  for await (const chunk of content) {
    bytes += chunk.length
    if (bytes > maximumBytes) throw new BlobTooLargeError(maximumBytes)
    hash.update(chunk)
    yield chunk
  }
  const found = hash.digest('hex')
  if (found !== blob) throw new WrongContentError(blob, found)
}
