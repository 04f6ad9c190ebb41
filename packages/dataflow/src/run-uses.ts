import { hash } from 'node:crypto'
import { existsSync, mkdirSync, readdirSync, readFileSync } from 'node:fs'
import { rename, unlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { decodeCheckedLine, encodeCheckedLine } from './checked-line.ts'
import type { Digest } from './digest.ts'
import { translateWriteError } from './errors.ts'
import { temporaryPath } from './temporary-directory.ts'

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
    const temporary = temporaryPath(join(this.#cacheDirectory, 'tmp'))
    try {
      mkdirSync(this.#directory, { recursive: true })
      await writeFile(temporary, encodeCheckedLine(use))
      await rename(temporary, join(this.#directory, hash('sha256', JSON.stringify([use.name, use.tag]))))
    } catch (error) {
      await unlink(temporary).catch(() => undefined)
      throw translateWriteError(error, this.#cacheDirectory)
    }
  }

  /** All uses, the latest first. What is damaged is left out: it is known again when its study is next run. */
  list(): RunUse[] {
    if (!existsSync(this.#directory)) return []
    return readdirSync(this.#directory)
      .flatMap((name) => {
        const use = decodeCheckedLine(readFileSync(join(this.#directory, name), 'utf8').trimEnd())
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
    for (const { name } of tagged) {
      await unlink(join(this.#directory, hash('sha256', JSON.stringify([name, tag])))).catch(() => undefined)
    }
    return tagged.length
  }

  get #directory(): string {
    return join(this.#cacheDirectory, 'uses')
  }
}
