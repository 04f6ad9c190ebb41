import type { DamagedPack } from './action-log.ts'
import type { InputArtifact } from './artifact.ts'
import type { Digest } from './digest.ts'
import type { LeaseHolder } from './leases.ts'
import type { Node } from './node.ts'

/** What happens in a run. `finished` is said only of what is durable. */
export type RunEvent =
  | {
      readonly type: 'planned'
      readonly total: number
      readonly deduplicated: number
      /** How many of the nodes are of each operation, by its id. */
      readonly operations: ReadonlyMap<string, number>
    }
  | { readonly type: 'started'; readonly node: Node; readonly key: Digest }
  | { readonly type: 'progress'; readonly node: Node; readonly done: number; readonly total: number }
  | {
      readonly type: 'finished'
      readonly node: Node
      readonly key: Digest
      readonly digest: Digest
      readonly cached: boolean
      /** What computing it took, now or when it was computed. */
      readonly seconds: number
    }
  /** Another run computes the node at the moment. */
  | { readonly type: 'waiting'; readonly node: Node; readonly key: Digest; readonly holder: LeaseHolder }
  | { readonly type: 'failed'; readonly node: Node; readonly error: Error }
  | { readonly type: 'skipped'; readonly node: Node; readonly ancestor: Node }
  /** A blob that `node` produced is gone or damaged, which `consumer` noticed; `node` is computed again. */
  | {
      readonly type: 'corrupt'
      readonly node: Node
      readonly consumer: Node
      readonly blob: Digest
      readonly found: 'corrupt' | 'missing'
    }
  /** A node was computed twice with different results: its operation is not a function of its key. */
  | {
      readonly type: 'nondeterminism'
      readonly node: Node
      readonly key: Digest
      readonly first: Digest
      readonly second: Digest
    }
  /** Records of the cache are damaged; what they held is computed again when it is needed. */
  | ({ readonly type: 'damaged' } & DamagedPack)

/** A node that failed, and why. */
export interface NodeFailure {
  readonly node: Node
  readonly error: Error
}

/** A node that was not run since one that it needs failed. */
export interface SkippedNode {
  readonly node: Node
  readonly ancestor: Node
}

/** What became of the nodes of a run. */
export interface RunCounts {
  readonly total: number
  readonly ran: number
  readonly cached: number
  readonly failed: number
  readonly skipped: number
  /** Not begun, or aborted, when the run was interrupted or had reached its limit. */
  readonly interrupted: number
  /** Nodes that were made beside `total`, equal to one of those. */
  readonly deduplicated: number
}

/** What a run did. */
export interface RunResult {
  /** The artifact of a node of the run.
   *
   *  @throws the error of the node if it failed; {Error} naming the failed ancestor if it was skipped, and if the
   *    node was interrupted or is not of this run.
   */
  artifact<Value>(node: Node<Value>): InputArtifact<Value>
  readonly failures: readonly NodeFailure[]
  readonly skipped: readonly SkippedNode[]
  readonly counts: RunCounts
  /** Whether the signal, `maximumFailures` or `limit` ended the run before all was done. */
  readonly interrupted: boolean
  /** Whether it was `limit`. */
  readonly limited: boolean
  readonly seconds: number
}
