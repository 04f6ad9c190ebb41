import { existsSync, rmSync } from 'node:fs'
import { mkdir, readdir, stat } from 'node:fs/promises'
import { join } from 'node:path'
import type { Digest } from './digest.ts'
import { translateWriteError } from './errors.ts'

/** What nobody has touched for so long will not be taken up again. */
const abandonedAfterDays = 30

/** Files in which operations that take long keep what they have done so far, under `partial/<key>/`.
 *
 *  They outlive a killed run, which finds them again under the node's key. They are no results: no other node reads them,
 *  and they go once the node's record is durable.
 */
export class PartialWork {
  readonly #cacheDirectory: string

  /** @param cacheDirectory That of the cache. */
  constructor(cacheDirectory: string) {
    this.#cacheDirectory = cacheDirectory
  }

  /** The path of a file of a node's; its folder is made.
   *
   *  @throws {CacheWriteError} when the disk is full or may not be written.
   */
  async path(key: Digest, name: string): Promise<string> {
    try {
      await mkdir(this.#folder(key), { recursive: true })
    } catch (error) {
      throw translateWriteError(error, this.#cacheDirectory)
    }
    return join(this.#folder(key), name)
  }

  /** Remove what a node has kept, if it has. */
  remove(key: Digest): void {
    if (existsSync(this.#folder(key))) rmSync(this.#folder(key), { recursive: true, force: true })
  }

  /** The keys under which nothing has been written for a month. */
  async abandoned(): Promise<Digest[]> {
    const root = join(this.#cacheDirectory, 'partial')
    const oldest = Date.now() - abandonedAfterDays * 86_400_000
    const keys: Digest[] = []
    for (const key of await readdir(root).catch(() => [])) {
      const names = await readdir(join(root, key)).catch(() => [])
      const times = await Promise.all([join(root, key), ...names.map((name) => join(root, key, name))].map(modified))
      if (Math.max(...times) < oldest) keys.push(key as Digest)
    }
    return keys
  }

  #folder(key: Digest): string {
    return join(this.#cacheDirectory, 'partial', key)
  }
}

/** Of what has vanished, now: it is no longer there to be removed. */
async function modified(path: string): Promise<number> {
  const stats = await stat(path).catch(() => undefined)
  return stats?.mtimeMs ?? Date.now()
}
