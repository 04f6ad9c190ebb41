import type { LocatedArtifact } from './artifact.ts'
import type { Node } from './node.ts'
import type { GraphPlan, PlannedNode } from './plan-graph.ts'
import type { RunCounts } from './run-event.ts'

/** A node in the course of a run. */
export interface NodeRun {
  readonly node: Node
  readonly dependents: readonly PlannedNode[]
  /** Dependencies that are not computed yet. */
  readonly unmet: Set<NodeRun>
  /** 'computed': its artifact is known, and not yet durable; 'finished': both. It goes back to 'pending', keeping its
   *  artifact, when a blob of it is lost.
   */
  status: 'pending' | 'computed' | 'finished' | 'failed' | 'skipped'
  artifact: LocatedArtifact | undefined
  cached: boolean
  /** Why it failed. */
  error: Error | undefined
  /** The node whose failure made this one be skipped. */
  ancestor: Node | undefined
  /** How often it found blobs of its inputs damaged. */
  recoveries: number
}

/** The nodes of a plan, none of which has begun. */
export function nodeRuns(plan: GraphPlan): Map<PlannedNode, NodeRun> {
  const runs = new Map<PlannedNode, NodeRun>()
  for (const planned of plan.nodes) {
    runs.set(planned, {
      node: planned.node,
      dependents: planned.dependents,
      unmet: new Set([...planned.dependencies].map((dependency) => runs.get(dependency)!)),
      status: 'pending',
      artifact: undefined,
      cached: false,
      error: undefined,
      ancestor: undefined,
      recoveries: 0,
    })
  }
  return runs
}

/** Count what became of the nodes of a run that has ended. */
export function countRuns(runs: Iterable<NodeRun>, deduplicated: number): RunCounts {
  const counts = { total: 0, ran: 0, cached: 0, failed: 0, skipped: 0, interrupted: 0, deduplicated }
  for (const { status, cached } of runs) {
    counts.total += 1
    if (status === 'finished') counts[cached ? 'cached' : 'ran'] += 1
    else counts[status === 'failed' || status === 'skipped' ? status : 'interrupted'] += 1
  }
  return counts
}

/** The artifact of a node of a run that has ended.
 *
 *  @throws {Error} saying why there is none.
 */
export function finishedArtifact({ node, status, artifact, error, ancestor }: NodeRun): LocatedArtifact {
  if (error) throw error
  if (ancestor) throw new Error(`'${node.label}' was not run, since '${ancestor.label}' failed.`)
  // What is computed again, since a blob of it was damaged, has the artifact that it had.
  const isKnown = status === 'finished' || (status === 'pending' && artifact !== undefined)
  if (!isKnown) throw new Error(`'${node.label}' was not run: the run was interrupted.`)
  return artifact!
}
