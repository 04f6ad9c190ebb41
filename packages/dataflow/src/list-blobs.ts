import { readdir, stat } from 'node:fs/promises'
import { join } from 'node:path'
import type { Digest } from './digest.ts'

/** A blob as it lies in a cache. */
export interface StoredBlob {
  readonly digest: Digest
  readonly path: string
  readonly bytes: number
  /** Milliseconds since 1970. */
  readonly modified: number
}

/** All blobs in the directory of a cache, in the order of their digests. Blobs that vanish meanwhile are left out. */
export async function* listBlobs(directory: string): AsyncIterable<StoredBlob> {
  const root = join(directory, 'blobs')
  for (const folder of await sortedNames(root)) {
    for (const name of await sortedNames(join(root, folder))) {
      const path = join(root, folder, name)
      const stats = await stat(path).catch(() => undefined)
      if (stats?.isFile()) yield { digest: name as Digest, path, bytes: stats.size, modified: stats.mtimeMs }
    }
  }
}

async function sortedNames(folder: string): Promise<string[]> {
  return (await readdir(folder).catch(() => [])).sort()
}
