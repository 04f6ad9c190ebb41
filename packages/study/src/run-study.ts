import { type Digest, type Executor, type Node, type RunEvent, type RunResult, run } from '@isthmus/dataflow'
import type { ResultRows } from '@isthmus/results'
import type { ExpandedStudy } from './expand-study.ts'
import type { PlanContext } from './plan-alignment.ts'
import { planStudy, type StudyPlan } from './plan-study.ts'
import { type FinishedNode, studyRows } from './study-rows.ts'

/** How a study is run. */
export interface RunStudyOptions extends Omit<PlanContext, 'compute'> {
  readonly executor: Executor
  readonly version: string
  readonly signal?: AbortSignal
  readonly onEvent?: (event: RunEvent) => void
}

/** What a run of a study came to. */
export interface StudyRun {
  readonly plan: StudyPlan
  readonly result: RunResult
  readonly rows: ResultRows
}

/** Plan a study, compute what is not in the cache, and give the rows to record.
 *
 *  Returns also when nodes failed or the run was interrupted: the rows are those of what has finished.
 *  @throws {UserError} when the study cannot be planned.
 */
export async function runStudy(study: ExpandedStudy, options: RunStudyOptions): Promise<StudyRun> {
  const { cache, executor, resolvePath, signal, onEvent, version } = options
  const startedAt = new Date().toISOString()
  const plan = await planStudy(study, { cache, resolvePath, compute: computeNow(options) })
  const finished = new Map<Digest, FinishedNode & { readonly node: Node }>()
  const result = await run(plan.targets, {
    cache,
    executor,
    ...(signal === undefined ? {} : { signal }),
    onEvent(event) {
      if (event.type === 'finished') finished.set(event.node.identity, event)
      onEvent?.(event)
    },
  })
  const recorded = { plan, result, finished, startedAt, finishedAt: new Date().toISOString(), version }
  return { plan, result, rows: studyRows(recorded) }
}

/** Compute a node that a plan depends on, on a cache and executor. */
export function computeNow({
  cache,
  executor,
  signal,
}: Pick<RunStudyOptions, 'cache' | 'executor' | 'signal'>): PlanContext['compute'] {
  return async (node) => {
    const result = await run([node], { cache, executor, ...(signal === undefined ? {} : { signal }) })
    return result.artifact(node).value
  }
}
