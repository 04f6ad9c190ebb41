import { copyFile, writeFile } from 'node:fs/promises'
import type { ActionRecord, Cache, Digest, WritableTier } from '../src/index.ts'

/** A tier over the cache of another directory, for tests: what it was asked is kept, and it can be made to fail. */
export class DirectoryTier implements WritableTier {
  readonly name = 'the team'
  readonly asked: Digest[][] = []
  readonly fetched: Digest[] = []
  /** What it gives instead of a blob. */
  readonly wrong = new Map<Digest, string | Error>()
  readonly #cache: Cache

  constructor(cache: Cache) {
    this.#cache = cache
  }

  async lookup(keys: readonly Digest[]) {
    this.asked.push([...keys])
    this.#cache.refresh({ relist: true })
    const found = keys.flatMap((key) => this.#cache.lookup(key) ?? [])
    return new Map(found.map((record) => [record.key, record]))
  }

  async fetch(blob: Digest, path: string) {
    this.fetched.push(blob)
    const wrong = this.wrong.get(blob)
    if (wrong instanceof Error) throw wrong
    if (wrong === undefined) await copyFile(await this.#cache.blobs.path(blob), path)
    else await writeFile(path, wrong)
  }

  async missing(blobs: readonly Digest[]) {
    return blobs.filter((blob) => !this.#cache.blobs.has(blob))
  }

  async upload(blob: Digest, path: string) {
    const temporary = this.#cache.blobs.createTemporary()
    await copyFile(path, temporary)
    const published = await this.#cache.blobs.publish(temporary)
    if (published !== blob) throw new Error(`${path} has another content than ${blob}`)
  }

  async publish(record: ActionRecord) {
    const known = this.#cache.lookup(record.key)
    if (known !== undefined) return known.output.digest === record.output.digest
    if (!this.#cache.isComplete(record)) throw new Error(`blobs of ${record.key} are not there`)
    await this.#cache.actions.append(record)
    return true
  }
}
