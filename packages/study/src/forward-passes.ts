import { type Digest, nodesOf } from '@isthmus/dataflow'
import { textPasses } from './operations/index.ts'
import type { StudyPlan } from './plan-study.ts'

/** Passes of one model over one text, to capture features or to take a loss. A barrier that is taken to a precision has
 *  none: how far it goes over the text is not known before.
 */
export interface ForwardPasses {
  /** Those of the run, each counted once, cached or not. */
  readonly distinct: number
  /** Those that there would be if every curve were computed by itself. */
  readonly unshared: number
}

/** Count how many passes over a text studies consist of, and how many more they would be without sharing. */
export function countForwardPasses(plans: readonly StudyPlan[]): ForwardPasses {
  const passes = new Map<Digest, number>()
  let unshared = 0
  for (const { alignment, gate, points } of plans.flatMap(({ curves }) => curves)) {
    for (const node of nodesOf([alignment, gate, ...points.map(({ node }) => node)])) {
      const own = textPasses.get(node.operation.id) ?? 0
      passes.set(node.identity, own)
      unshared += own
    }
  }
  return { distinct: [...passes.values()].reduce((sum, own) => sum + own, 0), unshared }
}
