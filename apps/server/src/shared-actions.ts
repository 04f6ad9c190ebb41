import { type ActionRecord, artifactDigest, type Cache, type Digest, nodeKey } from '@isthmus/dataflow'
import type { Action, Origin } from '@isthmus/remote'
import type { ActionOrigin, Lab } from '@isthmus/results'
import type { BlobStorage } from '@isthmus/storage'
import { Batches } from './batches.ts'

/** What became of a record that was given. */
export type Given =
  | { readonly state: 'taken' | 'present' }
  /** Another value is there. */
  | { readonly state: 'conflict'; readonly kept: Digest }
  | { readonly state: 'incomplete'; readonly missing: readonly Digest[] }
  | { readonly state: 'unsound'; readonly reason: string }

/** The records of a team: those of a cache, and who gave each. The first value of a key stays for good.
 *
 *  What runs on this machine put into the cache is found after the next `Cache.refresh`, which lists a folder and is not
 *  for every request.
 */
export class SharedActions {
  readonly #cache: Cache
  readonly #storage: BlobStorage
  readonly #origins: Map<string, Origin>
  readonly #newOrigins: Batches<ActionOrigin>
  /** Digests of values that are being taken. */
  readonly #taking = new Map<Digest, { readonly digest: Digest; readonly taken: Promise<void> }>()

  private constructor(cache: Cache, storage: BlobStorage, lab: Lab, origins: readonly ActionOrigin[]) {
    this.#cache = cache
    this.#storage = storage
    this.#newOrigins = new Batches((given) => lab.addOrigins(given))
    this.#origins = new Map(origins.map(({ key, by, isthmus, at }) => [key, { by, isthmus, at }]))
  }

  static async open(cache: Cache, storage: BlobStorage, lab: Lab): Promise<SharedActions> {
    return new SharedActions(cache, storage, lab, await lab.origins())
  }

  /** How many keys there are. */
  get size(): number {
    return this.#origins.size
  }

  /** Records of keys, of those that are here with all their blobs.
   *
   *  @param trust Names of those whose results are wanted; undefined: anybody’s.
   */
  async find(keys: readonly Digest[], trust?: readonly string[]): Promise<Action[]> {
    const known = keys.flatMap((key) => this.#first(key) ?? [])
    const wanted = known.filter(({ origin }) => trust === undefined || trust.includes(origin.by))
    const blobs = [...new Set(wanted.flatMap(({ record }) => Object.values(record.output.blobs)))]
    const missing = new Set(await this.#storage.missing(blobs))
    return wanted.filter(({ record }) => !Object.values(record.output.blobs).some((blob) => missing.has(blob)))
  }

  /** Take a record whose blobs are here.
   *
   *  @param who Who gives it, with which version.
   *  @returns Once it is durable.
   */
  async give(record: ActionRecord, who: Omit<Origin, 'at'>): Promise<Given> {
    const reason = unsoundness(record)
    if (reason !== undefined) return { state: 'unsound', reason }
    const before = this.#kept(record.key)
    if (before !== undefined && before !== record.output.digest) return { state: 'conflict', kept: before }
    const missing = await this.#storage.missing([...new Set(Object.values(record.output.blobs))])
    if (missing.length > 0) return { state: 'incomplete', missing }
    // Another value may have been taken whole while the storage was asked.
    const kept = this.#kept(record.key)
    if (kept !== undefined && kept !== record.output.digest) return { state: 'conflict', kept }
    if (kept !== undefined) {
      await this.#taking.get(record.key)?.taken
      return { state: 'present' }
    }
    const taken = this.#take(record, { ...who, at: new Date().toISOString() })
    this.#taking.set(record.key, { digest: record.output.digest, taken })
    try {
      await taken
      return { state: 'taken' }
    } finally {
      this.#taking.delete(record.key)
    }
  }

  /** The digest of the value that a key has, or is about to have. */
  #kept(key: Digest): Digest | undefined {
    return this.#first(key)?.record.output.digest ?? this.#taking.get(key)?.digest
  }

  #first(key: Digest): Action | undefined {
    const [record] = this.#cache.actions.of(key)
    if (record === undefined) return undefined
    // What a run on this machine put into the same cache was given by nobody.
    const origin = this.#origins.get(key) ?? { by: 'local', isthmus: 'local', at: record.createdAt }
    return { record, origin }
  }

  async #take(record: ActionRecord, origin: Origin): Promise<void> {
    await this.#newOrigins.add({ key: record.key, digest: record.output.digest, ...origin })
    this.#origins.set(record.key, origin)
    try {
      await this.#cache.actions.append(record)
    } catch (error) {
      this.#origins.delete(record.key)
      throw error
    }
  }
}

/** Why a record cannot be what it says: its key and its digest follow from the rest. */
function unsoundness({ key, operation, version, params, inputs, output }: ActionRecord): string | undefined {
  if (nodeKey(operation, version, params, inputs) !== key)
    return 'its key is not that of its operation, params and inputs'
  if (artifactDigest(output.value, output.blobs) !== output.digest)
    return 'its digest is not that of its value and blobs'
  return undefined
}
