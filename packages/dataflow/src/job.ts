import { unlink } from 'node:fs/promises'
import { UserError } from '@isthmus/tensor'
import type { ActionRecord } from './action-log.ts'
import { artifactDigest, type InputArtifact, type LocatedArtifact } from './artifact.ts'
import type { BlobStore } from './blob-store.ts'
import { canonicalJson, type Digest, type Json } from './digest.ts'
import { flatInputs, mapInputs } from './node.ts'
import type { AnyOperation, Cost, InputArtifacts, InputSpecs } from './operation.ts'
import type { PartialWork } from './partial-work.ts'

/** The work of one node as data: a fresh process that has the operations and the blobs can do it. */
export interface Job {
  readonly key: Digest
  readonly label: string
  readonly operation: string
  readonly version: number
  readonly params: Json
  readonly inputs: Readonly<Record<string, LocatedArtifact | readonly LocatedArtifact[]>>
  readonly cost: Cost
}

/** What a job produced. Its blobs are published. */
export interface JobResult {
  readonly value: Json
  readonly blobs: Readonly<Record<string, Digest>>
  readonly seconds: number
  /** The highest resident size of the process that ran it, up to its end; in bytes. */
  readonly peakMemoryBytes?: number
}

/** How a job speaks with the run that it belongs to. */
export interface JobHooks {
  progress(done: number, total: number): void
  readonly signal: AbortSignal
}

/** Something that runs jobs: in this process, in others, on other machines. */
export interface Executor {
  /** How many jobs it runs at once; a run hands it no more. */
  readonly slots: number
  /** Whether jobs run where the run's cache is not: their inputs are not brought into it, and their results, with their
   *  records, are left where the cache's tier finds them. Default false: blobs are read from and published in the cache.
   */
  readonly isRemote?: boolean
  /** Run a job to its end.
   *
   *  @throws whatever the operation threw, a `UserError` as such; {WorkerLostError} when its process ended; the
   *    signal's reason when it was aborted.
   */
  execute(job: Job, hooks: JobHooks): Promise<JobResult>
  /** End whatever it started. Jobs that still run are aborted. */
  close(): Promise<void>
}

/** The blobs of a job's inputs, but for those that are files of the user. */
export function cachedBlobs(job: Job): Digest[] {
  return flatInputs(job.inputs).flatMap(({ blobs, files = {} }) =>
    Object.entries(blobs).flatMap(([name, blob]) => (files[name] === undefined ? [blob] : [])),
  )
}

/** What is kept of a job that was done now. */
export function actionRecord({ key, operation, version, params, inputs }: Job, result: JobResult): ActionRecord {
  const { value, blobs, ...spent } = result
  return {
    key,
    operation,
    version,
    params,
    inputs: mapInputs(inputs, ({ digest }) => digest),
    output: { digest: artifactDigest(value, blobs), value, blobs },
    ...spent,
    createdAt: new Date().toISOString(),
  }
}

/** Operations by id.
 *
 *  @throws {UserError} when two have the same id.
 */
export function operationsById(operations: readonly AnyOperation[]): ReadonlyMap<string, AnyOperation> {
  const byId = new Map<string, AnyOperation>()
  for (const operation of operations) {
    if (byId.has(operation.id)) {
      throw new UserError(`Two operations are called '${operation.id}': give each its own id.`)
    }
    byId.set(operation.id, operation)
  }
  return byId
}

/** Do a job in this process: run the operation, check its value, publish its blobs.
 *
 *  @throws {Error} when the operation is unknown here or has another version than the job asks for.
 */
export async function executeJob(
  operations: ReadonlyMap<string, AnyOperation>,
  { blobs, partial }: { readonly blobs: BlobStore; readonly partial: PartialWork },
  job: Job,
  hooks: JobHooks,
): Promise<JobResult> {
  const operation = findOperation(operations, job)
  const inputs = mapInputs(job.inputs, (artifact) => openArtifact(artifact, blobs)) as InputArtifacts<InputSpecs>
  const written = new Map<string, string>()
  const context = {
    createBlob: async (name: string) => {
      const path = written.get(name) ?? blobs.createTemporary()
      written.set(name, path)
      return path
    },
    partial: (name: string) => partial.path(job.key, name),
    progress: hooks.progress,
    signal: hooks.signal,
  }
  const start = performance.now()
  try {
    const value = checkValue(operation, await operation.run(context, inputs, job.params))
    const published: Record<string, Digest> = {}
    for (const [name, path] of written) published[name] = await blobs.publish(path)
    return { value, blobs: published, seconds: (performance.now() - start) / 1000 }
  } finally {
    for (const path of written.values()) await unlink(path).catch(() => undefined)
  }
}

/** Make the blobs of an artifact readable by path. */
export function openArtifact(artifact: LocatedArtifact, blobs: BlobStore): InputArtifact<Json> {
  return {
    digest: artifact.digest,
    value: artifact.value,
    blobs: artifact.blobs,
    path: async (name) => {
      const blob = artifact.blobs[name]
      if (blob === undefined) {
        const names = Object.keys(artifact.blobs).join(', ') || 'none'
        throw new Error(`An artifact has no blob '${name}': its blobs are ${names}; ask for one of these.`)
      }
      const file = artifact.files?.[name]
      return file === undefined ? blobs.path(blob) : blobs.sourcePath(file, blob)
    },
  }
}

function findOperation(operations: ReadonlyMap<string, AnyOperation>, job: Job): AnyOperation {
  const operation = operations.get(job.operation)
  if (operation?.version === job.version) return operation
  const found = operation === undefined ? 'does not know it' : `has version ${operation.version}`
  throw new Error(
    `'${job.label}' needs operation '${job.operation}' version ${job.version}, but the process that should run it ` +
      `${found}: list the operation for the executor, and build the worker anew.`,
  )
}

function checkValue(operation: AnyOperation, value: unknown): Json {
  const checked = operation.value.safeParse(value)
  if (!checked.success) {
    const [issue] = checked.error.issues
    const where = issue!.path.length === 0 ? 'a value' : `a value with a field '${issue!.path.map(String).join('.')}'`
    throw new Error(`Operation '${operation.id}' returned ${where} that its schema refuses: ${issue!.message}`)
  }
  return JSON.parse(canonicalJson(checked.data)) as Json
}
