import { openSafetensors } from '@isthmus/checkpoint'
import { type Digest, openCache } from '@isthmus/dataflow'
import type { TensorSource } from '@isthmus/figures'

/** Tensors of the cache in a directory; nothing is written there. Open until disposed. */
export async function cachedTensors(directory: string): Promise<TensorSource & Disposable> {
  const cache = await openCache(directory, { readOnly: true })
  return {
    async read(key, blob, tensor) {
      const digest = cache.lookup(key as Digest)?.output.blobs[blob]
      if (digest === undefined) return undefined
      await using file = await openSafetensors(cache.blobs.locate(digest))
      const header = file.tensors.get(tensor)
      if (header === undefined) return undefined
      return header.dtype === 'I32' ? file.readInt32(tensor) : file.read(tensor)
    },
    [Symbol.dispose]: () => cache.close(),
  }
}
