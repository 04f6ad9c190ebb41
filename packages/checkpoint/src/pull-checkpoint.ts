import { copyFile, lstat, mkdir, readFile, realpath, rename, symlink } from 'node:fs/promises'
import { dirname, join, relative } from 'node:path'
import { CheckpointError } from './checkpoint-error.ts'
import { checkpointFiles, tokenizerFiles } from './checkpoint-files.ts'
import { FileHandlePool } from './file-handle-pool.ts'
import { downloadVerified, type HubFile } from './hub-download.ts'
import { type HubReference, isCommit, parseHubReference } from './hub-reference.ts'
import type { HubCredentials, HubRepository } from './hub-repository.ts'
import { findWeightFormat } from './weight-formats.ts'
import { temporarySibling, writeError, writeFileAtomically } from './write-file-atomically.ts'

/** How a checkpoint is pulled; what is missing comes from the environment, as for other programs of the hub. */
export interface PullOptions {
  /** Default the cache that Python's `huggingface_hub` uses, by `HF_HUB_CACHE`, `HF_HOME` or `XDG_CACHE_HOME`. */
  readonly cacheDirectory?: string
  /** Default the reference's, else `main`. */
  readonly revision?: string
  /** Default `HF_TOKEN`. */
  readonly token?: string
  /** Default `HF_ENDPOINT`, else the public hub. */
  readonly hubUrl?: string
  /** Use the cache alone. Default whether `HF_HUB_OFFLINE` is set. */
  readonly offline?: boolean
  /** Told for each file how many of its bytes are there. */
  readonly onProgress?: (file: string, done: number, total: number) => void
}

/** A checkpoint of the hub in the local cache. */
export interface PulledCheckpoint {
  /** A Hugging Face folder, for `Checkpoint.open`. */
  readonly directory: string
  /** What the revision meant when it was pulled. */
  readonly commit: string
  /** `hf:owner/name@commit`: gives the same files whenever it is pulled. */
  readonly reference: string
}

/** One pull: where from, where to. */
interface Pull extends HubReference {
  /** `hf:owner/name@revision`. */
  readonly reference: string
  /** The repository's folder in the cache, laid out as Python's `huggingface_hub` does. */
  readonly store: string
  readonly credentials: HubCredentials
  readonly onProgress: NonNullable<PullOptions['onProgress']>
}

/** Pull a checkpoint from a Hugging Face hub into the local cache: its configuration, its weights in one format
 *  (safetensors before PyTorch's), and its tokenizer.
 *
 *      const { directory } = await pullCheckpoint('hf:google/multiberts-seed_1')
 *      await using checkpoint = await Checkpoint.open(directory)
 *
 *  The revision is resolved to a commit, and what is pulled is that commit's. A file that is in the cache is not
 *  downloaded again; one whose download was cut off goes on where it ended. Every file is checked against the digest
 *  that the hub gives. The folder is complete when this returns; the weights come last. Prints nothing.
 *  @param reference `hf:owner/name` or `hf:owner/name@revision`.
 *  @throws {CheckpointError} when the model or the revision is not there or not open to the token, the hub cannot be
 *    reached, a file arrives damaged, or offline the cache has not all of it.
 */
export async function pullCheckpoint(reference: string, options: PullOptions = {}): Promise<PulledCheckpoint> {
  const pull = await preparePull(reference, options)
  const offline = options.offline ?? /^(1|on|yes|true)$/i.test(process.env.HF_HUB_OFFLINE ?? '')
  const commit = offline ? await cachedCommit(pull) : await refreshCache(pull)
  const directory = join(pull.store, 'snapshots', commit)
  try {
    await checkpointFiles(directory)
  } catch (cause) {
    const remedy = offline ? 'pull it once while not offline' : 'choose a model that holds its weights'
    throw new CheckpointError(`${pull.reference} is not complete: ${(cause as Error).message}; ${remedy}`, { cause })
  }
  return { directory, commit, reference: `hf:${pull.repo}@${commit}` }
}

async function preparePull(reference: string, options: PullOptions): Promise<Pull> {
  const revised = options.revision === undefined ? reference : `${reference.split('@')[0]}@${options.revision}`
  const { repo, revision } = parseHubReference(revised)
  const accessToken = options.token ?? process.env.HF_TOKEN
  const hubUrl = options.hubUrl ?? process.env.HF_ENDPOINT
  if (accessToken !== undefined && accessToken !== '' && !accessToken.startsWith('hf_')) {
    throw new CheckpointError(
      'the access token in HF_TOKEN does not begin with hf_, as those of the hub do; correct or unset it',
    )
  }
  return {
    repo,
    revision,
    reference: `hf:${repo}@${revision}`,
    store: join(
      options.cacheDirectory ?? (await import('@huggingface/hub')).getHFHubCachePath(),
      `models--${repo.replace('/', '--')}`,
    ),
    credentials: { ...(hubUrl ? { hubUrl } : {}), ...(accessToken ? { accessToken } : {}) },
    onProgress: options.onProgress ?? (() => undefined),
  }
}

/** The commit that a revision meant when it was pulled last. */
async function cachedCommit({ store, revision, reference }: Pull): Promise<string> {
  if (isCommit(revision)) return revision
  const commit = await readFile(join(store, 'refs', revision), 'utf8').catch(() => '')
  if (isCommit(commit.trim())) return commit.trim()
  throw new CheckpointError(
    `${reference} is not in the cache (${store}), and offline nothing is downloaded: pull it once without ` +
      'HF_HUB_OFFLINE',
  )
}

/** Bring the cache up to date; returns the commit. */
async function refreshCache(pull: Pull): Promise<string> {
  const { HubRepository } = await import('./hub-repository.ts')
  const hub = new HubRepository(pull, pull.credentials)
  const commit = await hub.resolveCommit()
  const directory = join(pull.store, 'snapshots', commit)
  await makeFolder(join(pull.store, 'blobs'))
  await makeFolder(directory)
  const available = await hub.listFiles(commit)
  const fetchFile = (name: string) => pullFile(hub, pull, commit, available.get(name)!)
  for (const name of ['config.json', ...tokenizerFiles].filter((name) => available.has(name))) await fetchFile(name)
  const paths = Object.fromEntries([...available.keys()].map((name) => [name, join(directory, name)]))
  const format = findWeightFormat(paths, pull.reference)
  const pool = new FileHandlePool()
  try {
    // An index comes first: it names the shards.
    await fetchFile(format.fileName)
    const names = await format.fileNames(paths, pool)
    for (const name of names.filter((name) => name !== format.fileName)) await fetchFile(name)
  } finally {
    await pool.close()
  }
  if (!isCommit(pull.revision)) await writeReference(join(pull.store, 'refs', pull.revision), commit)
  return commit
}

async function pullFile(hub: HubRepository, pull: Pull, commit: string, file: HubFile): Promise<void> {
  const path = join(pull.store, 'blobs', file.digest)
  try {
    await downloadVerified(file, path, {
      name: pull.reference,
      openAt: (begin) => hub.openAt(commit, file, begin),
      isFinal: (error) => hub.isFinal(error),
      onProgress: (done) => pull.onProgress(file.name, done, file.size),
    })
  } catch (error) {
    throw hub.explain(error)
  }
  await link(path, join(pull.store, 'snapshots', commit, file.name))
}

/** Show a blob under its name in the snapshot: as a link, or where there are none as a copy. */
async function link(blob: string, path: string): Promise<void> {
  const isThere = await lstat(path).then(
    () => true,
    () => false,
  )
  if (isThere && (await realpath(path).catch(() => '')) === (await realpath(blob))) return
  const temporary = temporarySibling(path)
  try {
    await symlink(relative(dirname(path), blob), temporary).catch(() => copyFile(blob, temporary))
    await rename(temporary, path)
  } catch (error) {
    throw writeError(path, error)
  }
}

/** Note which commit a branch or tag means, for offline use. */
async function writeReference(path: string, commit: string): Promise<void> {
  await makeFolder(dirname(path))
  await writeFileAtomically(path, (file) => file.writeFile(commit))
}

async function makeFolder(path: string): Promise<void> {
  try {
    await mkdir(path, { recursive: true })
  } catch (error) {
    throw writeError(path, error)
  }
}
