import { CheckpointError } from './checkpoint-error.ts'

/** A model on a hub. */
export interface HubReference {
  /** `owner/name`, or a name alone for the oldest models. */
  readonly repo: string
  /** A branch, a tag, or a commit. */
  readonly revision: string
}

/** Read a reference as users write it, `hf:owner/name@revision`; without a revision it is the branch `main`.
 *
 *  @throws {CheckpointError} when it has another form, or a name that would leave its folder.
 */
export function parseHubReference(reference: string): HubReference {
  const [, repo, revision = 'main'] = /^hf:((?:[\w.-]+\/)?[\w.-]+)(?:@([\w./-]+))?$/.exec(reference) ?? []
  const parts = [...(repo ?? '').split('/'), ...revision.split('/')]
  if (repo === undefined || parts.some((part) => part === '' || part === '.' || part === '..')) {
    throw new CheckpointError(
      `'${reference}' is no reference to a model on the hub: hf:OWNER/NAME or hf:OWNER/NAME@REVISION is expected, ` +
        'such as hf:google/multiberts-seed_1',
    )
  }
  return { repo, revision }
}

/** Whether a revision is a commit, which never changes. */
export function isCommit(revision: string): boolean {
  return /^[0-9a-f]{40}$/.test(revision)
}
