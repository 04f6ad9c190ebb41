import { UserError } from '@isthmus/tensor'
import type { ActionRecord, DamagedPack } from './action-log.ts'
import { artifactDigest } from './artifact.ts'
import type { Cache } from './cache.ts'
import type { Digest } from './digest.ts'
import { digestFile } from './digest-file.ts'
import { listBlobs } from './list-blobs.ts'
import { nodeKey } from './node.ts'

/** A blob that is not as it should be, and the records that name it. */
export interface BlobFault {
  readonly blob: Digest
  readonly records: readonly { readonly key: Digest; readonly operation: string }[]
}

/** A key with several results: its operation is not a function of its key, or was changed without its version. */
export interface Nondeterminism {
  readonly key: Digest
  readonly operation: string
  readonly digests: readonly Digest[]
}

/** What a check of a whole cache found. */
export interface CacheReport {
  /** Whether nothing is corrupt, missing, damaged, inconsistent or nondeterministic; orphaned blobs are no fault. */
  readonly clean: boolean
  readonly records: number
  readonly blobs: number
  readonly bytes: number
  /** Blobs whose content is not that of their digest. */
  readonly corrupt: readonly BlobFault[]
  /** Blobs that records name and that are not there. */
  readonly missing: readonly BlobFault[]
  /** Blobs that no record names: garbage, or about to be named. */
  readonly orphaned: readonly Digest[]
  readonly damagedPacks: readonly DamagedPack[]
  /** Records whose key or digest is not that of what they hold. */
  readonly inconsistent: readonly Digest[]
  readonly nondeterministic: readonly Nondeterminism[]
}

/** Read a whole cache and check every digest.
 *
 *  @param repair Move corrupt blobs aside, drop records that cannot be used and damaged lines; what they held is
 *    computed again when it is needed. Default false.
 *  @returns What was found, before any repair.
 *  @throws {UserError} when a read-only cache is to be repaired.
 */
export async function verifyCache(
  cache: Cache,
  { repair = false }: { readonly repair?: boolean } = {},
): Promise<CacheReport> {
  if (repair && cache.readOnly) {
    throw new UserError(`The cache ${cache.directory} was opened to be read only: open it for writing to repair it.`)
  }
  cache.actions.refresh()
  const records = [...cache.actions.records()]
  const users = recordsByBlob(records)
  const faults = await checkBlobs(cache, users)
  const inconsistent = records.filter((record) => !isConsistent(record))
  const nondeterministic = findNondeterminism(cache, records)
  const damagedPacks = [...cache.actions.damaged]
  if (repair) {
    for (const { blob } of faults.corrupt) await cache.blobs.quarantine(blob)
    await cache.actions.rewrite((record) => cache.isComplete(record) && isConsistent(record))
  }
  const found = [faults.corrupt, faults.missing, inconsistent, nondeterministic, damagedPacks]
  return {
    clean: found.every(({ length }) => length === 0),
    records: records.length,
    ...faults,
    damagedPacks,
    inconsistent: inconsistent.map(({ key }) => key),
    nondeterministic,
  }
}

type BlobFaults = Pick<CacheReport, 'blobs' | 'bytes' | 'corrupt' | 'missing' | 'orphaned'>

async function checkBlobs(cache: Cache, users: ReadonlyMap<Digest, BlobFault['records']>): Promise<BlobFaults> {
  const present = new Set<Digest>()
  const corrupt: BlobFault[] = []
  let bytes = 0
  for await (const blob of listBlobs(cache.directory)) {
    present.add(blob.digest)
    bytes += blob.bytes
    const found = await digestFile(blob.path).catch(() => undefined)
    if (found !== blob.digest) corrupt.push({ blob: blob.digest, records: users.get(blob.digest) ?? [] })
  }
  const missing = [...users].filter(([blob]) => !present.has(blob) && !cache.blobs.has(blob))
  return {
    blobs: present.size,
    bytes,
    corrupt,
    missing: missing.map(([blob, records]) => ({ blob, records })),
    orphaned: [...present].filter((blob) => !users.has(blob)),
  }
}

function recordsByBlob(records: readonly ActionRecord[]): Map<Digest, { key: Digest; operation: string }[]> {
  const users = new Map<Digest, { key: Digest; operation: string }[]>()
  for (const { key, operation, output } of records) {
    for (const blob of Object.values(output.blobs)) {
      const known = users.get(blob)
      if (known) known.push({ key, operation })
      else users.set(blob, [{ key, operation }])
    }
  }
  return users
}

function isConsistent({ key, operation, version, params, inputs, output }: ActionRecord): boolean {
  const isKeyRight = nodeKey(operation, version, params, inputs) === key
  return isKeyRight && artifactDigest(output.value, output.blobs) === output.digest
}

function findNondeterminism(cache: Cache, records: readonly ActionRecord[]): Nondeterminism[] {
  const operations = new Map(records.map(({ key, operation }) => [key, operation]))
  return [...operations]
    .map(([key, operation]) => ({ key, operation, digests: cache.actions.of(key).map(({ output }) => output.digest) }))
    .filter(({ digests }) => digests.length > 1)
}
