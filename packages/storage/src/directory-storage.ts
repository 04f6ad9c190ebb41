import { createReadStream, createWriteStream } from 'node:fs'
import { rm, stat } from 'node:fs/promises'
import { pipeline } from 'node:stream/promises'
import { type Cache, listBlobs } from '@isthmus/dataflow'
import type { BlobStorage } from './blob-storage.ts'
import { checkedContent } from './checked-content.ts'

/** Bytes that go through a stream at once: with Node’s 64 kB it would take twice the processor’s time. */
const highWaterMark = 2 ** 20

/** Blobs in the directory of a cache, which may be used beside it as a cache, too. */
export function directoryStorage(cache: Cache): BlobStorage {
  const { blobs } = cache
  return {
    name: cache.directory,
    missing: async (wanted) => wanted.filter((blob) => !blobs.has(blob)),
    size: async (blob) => (await stat(blobs.locate(blob)).catch(ignoreMissing))?.size,
    read: async (blob, range) => createReadStream(await blobs.path(blob), { ...range, highWaterMark }),
    async write(blob, content, options = {}) {
      if (blobs.has(blob)) return false
      const temporary = blobs.createTemporary()
      try {
        await pipeline(
          checkedContent(blob, content, options),
          createWriteStream(temporary, { flags: 'wx', highWaterMark }),
        )
        await blobs.publish(temporary, blob)
        return true
      } finally {
        await rm(temporary, { force: true })
      }
    },
    async *list() {
      for await (const { digest, bytes } of listBlobs(cache.directory)) yield { digest, bytes }
    },
    close: async () => undefined,
  }
}

function ignoreMissing(error: NodeJS.ErrnoException): undefined {
  if (error.code !== 'ENOENT') throw error
}
