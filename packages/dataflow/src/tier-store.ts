import { mkdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import type { ActionRecord } from './action-log.ts'
import { BlobStore } from './blob-store.ts'
import type { CacheTier } from './cache-tier.ts'
import type { Digest } from './digest.ts'
import { digestFile } from './digest-file.ts'
import { CacheWriteError, CorruptBlobError, translateWriteError } from './errors.ts'

/** Where a cache keeps copies of blobs of its tier. */
export function fetchedDirectory(cacheDirectory: string): string {
  return join(cacheDirectory, 'fetched')
}

/** What is known of a tier, and the blobs that were copied from it: a folder like that of a cache, without records. */
export class TierStore {
  readonly directory: string
  readonly #tier: CacheTier
  readonly #blobs: BlobStore
  readonly #records = new Map<Digest, ActionRecord>()
  /** Keys that it said to have, and whose blobs it did not give. */
  readonly #broken = new Set<Digest>()
  readonly #copies = new Map<Digest, Promise<void>>()

  /** @param directory Where blobs are copied to; made when it is needed. */
  constructor(tier: CacheTier, directory: string) {
    this.#tier = tier
    this.directory = directory
    this.#blobs = new BlobStore(directory)
  }

  /** The record of a key, as far as the tier was asked. */
  get(key: Digest): ActionRecord | undefined {
    return this.#records.get(key)
  }

  /** Know a record that the tier has, with its blobs. */
  add(record: ActionRecord): void {
    this.#records.set(record.key, record)
  }

  /** Ask the tier for keys; afterwards `get` finds those that it has. */
  async ask(keys: readonly Digest[]): Promise<void> {
    const wanted = keys.filter((key) => !this.#broken.has(key))
    if (wanted.length === 0) return
    for (const record of (await this.#tier.lookup(wanted)).values()) this.add(record)
  }

  /** Copy a blob here, once for all who ask at the same time.
   *
   *  @throws {CorruptBlobError} when the tier does not give it, or gives it with another content; the tier is then not
   *    believed any more about what has it.
   *  @throws {CacheWriteError} when it cannot be written here.
   */
  copy(blob: Digest): Promise<void> {
    const copying = this.#copies.get(blob) ?? this.#copy(blob).finally(() => this.#copies.delete(blob))
    this.#copies.set(blob, copying)
    return copying
  }

  async #copy(blob: Digest): Promise<void> {
    mkdirSync(join(this.directory, 'tmp'), { recursive: true })
    const temporary = this.#blobs.createTemporary()
    try {
      await this.#tier.fetch(blob, temporary)
      if ((await digestFile(temporary)) !== blob) throw new CorruptBlobError(blob, 'corrupt', this.#tier.name)
      await this.#blobs.publish(temporary)
    } catch (error) {
      const translated = translateWriteError(error, this.directory)
      if (translated instanceof CacheWriteError) throw translated
      this.disbelieve(blob)
      throw new CorruptBlobError(blob, 'missing', `${blob} of ${this.#tier.name}`, { cause: error })
    } finally {
      rmSync(temporary, { force: true })
    }
  }

  /** Believe the tier no more about the keys whose results have a blob: it said to have that, and does not. */
  disbelieve(blob: Digest): void {
    for (const { key, output } of [...this.#records.values()]) {
      if (!Object.values(output.blobs).includes(blob)) continue
      this.#records.delete(key)
      this.#broken.add(key)
    }
  }
}
