import { downloadFile, HubApiError, listFiles, modelInfo } from '@huggingface/hub'
import { CheckpointError } from './checkpoint-error.ts'
import type { HubFile } from './hub-download.ts'
import { type HubReference, isCommit } from './hub-reference.ts'

/** Where a hub is, and who asks. */
export interface HubCredentials {
  /** Default the public hub. */
  readonly hubUrl?: string
  readonly accessToken?: string
}

/** One model on a hub: what its client says, with errors that tell the user what to do. */
export class HubRepository {
  /** What errors call it, `hf:owner/name@revision`. */
  readonly name: string
  readonly #reference: HubReference
  readonly #credentials: HubCredentials

  constructor(reference: HubReference, credentials: HubCredentials) {
    this.name = `hf:${reference.repo}@${reference.revision}`
    this.#reference = reference
    this.#credentials = credentials
  }

  /** The commit that the revision means now.
   *
   *  @throws {CheckpointError} when the model or the revision is not there or not open to the token, as all methods.
   */
  async resolveCommit(): Promise<string> {
    const { repo, revision } = this.#reference
    try {
      const sha = await this.#commitOf(revision)
      if (typeof sha === 'string' && isCommit(sha)) return sha
    } catch (error) {
      const hasModel = statusOf(error) === 404 && (await this.#commitOf('HEAD').catch(() => null)) !== null
      if (!hasModel) throw this.explain(error)
      throw new CheckpointError(`hf:${repo} has no revision '${revision}'; give one of its branches, tags or commits`, {
        cause: error,
      })
    }
    throw new CheckpointError(`the hub gives no commit for ${this.name}: try again later`)
  }

  async #commitOf(revision: string): Promise<unknown> {
    const { sha } = await modelInfo({
      name: this.#reference.repo,
      revision,
      additionalFields: ['sha'],
      ...this.#credentials,
    })
    return sha
  }

  /** The files in the top folder of a commit, by name. */
  async listFiles(commit: string): Promise<ReadonlyMap<string, HubFile>> {
    const files = new Map<string, HubFile>()
    try {
      for await (const entry of listFiles({ repo: this.#reference.repo, revision: commit, ...this.#credentials })) {
        if (entry.type !== 'file' || /[/\\\0]/.test(entry.path)) continue
        const { lfs } = entry
        const [algorithm, digest] = lfs ? (['sha256', lfs.oid] as const) : (['git-sha1', entry.oid ?? ''] as const)
        const size = lfs?.size ?? entry.size
        if (!/^[0-9a-f]+$/.test(digest) || digest.length !== (lfs ? 64 : 40) || !Number.isSafeInteger(size)) {
          throw new CheckpointError(`the hub gives no digest for ${entry.path} of ${this.name}: try again later`)
        }
        files.set(entry.path, { name: entry.path, size, algorithm, digest })
      }
    } catch (error) {
      throw this.explain(error)
    }
    return files
  }

  /** The content of a file from byte `begin` on. Errors are those of the client. */
  async openAt(commit: string, file: HubFile, begin: number): Promise<ReadableStream<Uint8Array>> {
    const { repo } = this.#reference
    const blob = await downloadFile({ repo, path: file.name, revision: commit, xet: false, ...this.#credentials })
    if (blob?.size === file.size) return blob.slice(begin, file.size).stream() as ReadableStream<Uint8Array>
    throw new CheckpointError(
      `${file.name} of ${this.name} should have ${file.size} bytes, ` +
        `but the hub ${blob === null ? 'does not have it' : `offers ${blob.size}`}: try again later`,
    )
  }

  /** Whether an error stays when the same is asked again: the hub refuses, or contradicts itself. */
  isFinal(error: unknown): boolean {
    const status = statusOf(error)
    const isRefusal = status !== null && status >= 400 && status < 500 && status !== 408 && status !== 429
    return isRefusal || error instanceof CheckpointError
  }

  /** What the user is told when the client fails. */
  explain(error: unknown): CheckpointError {
    if (error instanceof CheckpointError) return error
    return new CheckpointError(this.#explanation(error), { cause: error })
  }

  #explanation(error: unknown): string {
    const { repo } = this.#reference
    const status = statusOf(error)
    if (status === 401 || status === 403) {
      return (
        `the hub does not give hf:${repo} to us (status ${status}): it does not exist, or is private or gated; check ` +
        'its name, accept its terms on its page, and set HF_TOKEN to a token that may read it'
      )
    }
    if (status === 404) return `the hub has no model hf:${repo}; check its name`
    if (status !== null) return `the hub answers ${this.name} with status ${status}: try again later`
    const { message = String(error), cause } = error as { message?: string; cause?: { code?: string } }
    // The client puts addresses into its messages, and those may be signed.
    const reason = (cause?.code ?? message).replace(/\bURL: \S+/g, '').trim()
    return (
      `${this.name} could not be downloaded (${reason}): check the connection and pull again, which goes on where this ` +
      'ended; with HF_HUB_OFFLINE=1 the cache alone is used'
    )
  }
}

function statusOf(error: unknown): number | null {
  return error instanceof HubApiError ? error.statusCode : null
}
