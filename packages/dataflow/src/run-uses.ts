import { hash } from 'node:crypto'
import { existsSync, mkdirSync, readdirSync } from 'node:fs'
import { unlink } from 'node:fs/promises'
import { join } from 'node:path'
import { readCheckedFile, writeCheckedFile } from './checked-file.ts'
import type { Digest } from './digest.ts'
import { translateWriteError } from './errors.ts'

/** What a run needed of a cache: computed, or found there. */
export interface RunUse {
  /** What was run, e.g. a study's name. */
  readonly name: string
  /** By which people keep it, where they do. */
  readonly tag: string | null
  /** ISO 8601. */
  readonly at: string
  readonly keys: readonly Digest[]
}

/** The last use of each name, and of each name under each tag: the roots from which garbage is told. One file each under
 *  `uses/`, written whole.
 */
export class RunUses {
  readonly #cacheDirectory: string

  /** @param cacheDirectory That of the cache. */
  constructor(cacheDirectory: string) {
    this.#cacheDirectory = cacheDirectory
  }

  /** Record a use, in place of the earlier one of the same name and tag.
   *
   *  @throws {CacheWriteError} when the disk is full or may not be written.
   */
  async record(use: RunUse): Promise<void> {
    try {
      mkdirSync(this.#directory, { recursive: true })
    } catch (error) {
      throw translateWriteError(error, this.#cacheDirectory)
    }
    await writeCheckedFile(this.#cacheDirectory, this.#path(use), use)
  }

  /** All uses, the latest first. What is damaged is left out: it is known again when its study is next run. */
  list(): RunUse[] {
    if (!existsSync(this.#directory)) return []
    return readdirSync(this.#directory)
      .flatMap((name) => {
        const use = readCheckedFile(join(this.#directory, name))
        return use === undefined ? [] : [use as RunUse]
      })
      .sort((left, right) => (left.at < right.at ? 1 : -1))
  }

  /** Let go of what a tag keeps.
   *
   *  @returns How many uses had it.
   */
  async untag(tag: string): Promise<number> {
    const tagged = this.list().filter((use) => use.tag === tag)
    for (const use of tagged) await unlink(this.#path(use)).catch(() => undefined)
    return tagged.length
  }

  #path({ name, tag }: RunUse): string {
    return join(this.#directory, hash('sha256', JSON.stringify([name, tag])))
  }

  get #directory(): string {
    return join(this.#cacheDirectory, 'uses')
  }
}
