import { type Digest, type Executor, type Node, nodesOf, type RunEvent, type RunResult, run } from '@isthmus/dataflow'
import type { ResultRows } from '@isthmus/results'
import type { ExpandedStudy } from './expand-study.ts'
import { countForwardPasses, type ForwardPasses } from './forward-passes.ts'
import type { PlanContext } from './plan-alignment.ts'
import { planStudy, type StudyContext, type StudyPlan } from './plan-study.ts'
import { type Recorder, recordMeanwhile } from './record-meanwhile.ts'
import { selectNodes } from './select-nodes.ts'
import { type FinishedNode, type RecordedRun, studyRows } from './study-rows.ts'

/** How studies are run. */
export interface RunStudiesOptions extends Pick<StudyContext, 'cache' | 'pull'> {
  readonly executor: Executor
  readonly version: string
  readonly signal?: AbortSignal
  readonly onEvent?: (event: RunEvent) => void
  /** Where rows go while the run goes on. Default: nowhere. */
  readonly recorder?: Recorder
  /** Under which what is computed or used stays in the cache until it is let go; null or left out: under none. */
  readonly tag?: string | null
  /** Compute only nodes that match one of these, as `selectNodes` has it, and what they need. Default: all. */
  readonly only?: readonly string[]
  /** As `run` of the dataflow has them. */
  readonly maximumFailures?: number | undefined
  readonly limit?: number | undefined
}

/** A study, and how the paths of its settings become paths of this machine. */
export interface PlacedStudy extends Pick<PlanContext, 'resolvePath'> {
  readonly study: ExpandedStudy
}

/** What a run of studies came to. */
export interface StudiesRun {
  readonly plans: readonly StudyPlan[]
  readonly result: RunResult
  readonly rows: ResultRows
  readonly forwardPasses: ForwardPasses
}

/** Plan studies, compute as one graph what is not in the cache, and give the rows to record.
 *
 *  Returns also when nodes failed or the run was interrupted: the rows are those of what has finished.
 *  @throws {UserError} when a study cannot be planned, or no node matches `only`.
 */
export async function runStudies(studies: readonly PlacedStudy[], options: RunStudiesOptions): Promise<StudiesRun> {
  const { cache, version, pull } = options
  const startedAt = new Date().toISOString()
  const plans: StudyPlan[] = []
  for (const { study, resolvePath } of studies) {
    const compute = computeNow(options)
    plans.push(await planStudy(study, { cache, resolvePath, compute, ...(pull === undefined ? {} : { pull }) }))
  }
  const targets = plans.flatMap((plan) => plan.targets)
  const rowsOf = (run: TargetsRun) => {
    const finishedAt = new Date().toISOString()
    return joinRows(plans.map((plan) => studyRows({ ...run, plan, startedAt, finishedAt, version })))
  }
  const { result, finished } = await runTargets(targets, options, rowsOf)
  for (const { study, targets } of plans) await recordUse(study.name, targets, { ...options, finished })
  return { plans, result, rows: rowsOf({ result, finished }), forwardPasses: countForwardPasses(plans) }
}

/** What a run of targets has come to, at its end or before. */
export type TargetsRun = Pick<RecordedRun, 'result' | 'finished'>

/** Compute targets, or of what they need what is asked for, and keep what the run says of each node that finishes.
 *
 *  @param rowsOf What is recorded of the run, also while it goes on.
 *  @throws {UserError} when no node matches `only`.
 */
export async function runTargets(
  targets: readonly Node[],
  options: Omit<RunStudiesOptions, 'version' | 'pull' | 'tag'>,
  rowsOf: (run: TargetsRun) => ResultRows,
): Promise<TargetsRun & { readonly result: RunResult }> {
  const { cache, executor, signal, onEvent, recorder, only = [], maximumFailures, limit } = options
  const finished = new Map<Digest, FinishedNode>()
  let stopRecording: () => Promise<void> = async () => undefined
  const result = await run(selectNodes(targets, only), {
    cache,
    executor,
    onBegin(soFar) {
      if (recorder === undefined) return
      let recorded = 0
      stopRecording = recordMeanwhile(recorder, () => {
        if (finished.size === recorded) return undefined
        recorded = finished.size
        return rowsOf({ result: soFar(), finished })
      })
    },
    ...(signal === undefined ? {} : { signal }),
    ...(maximumFailures === undefined ? {} : { maximumFailures }),
    ...(limit === undefined ? {} : { limit }),
    onEvent(event) {
      if (event.type === 'finished') finished.set(event.node.identity, event)
      onEvent?.(event)
    },
  }).finally(() => stopRecording())
  return { result, finished }
}

/** Remember in the cache what a study has used, so that garbage is told from it. What a run of a part of the study, or one that
 *  has not come to its end, did not come to use is still what the run before it used.
 */
export async function recordUse(
  name: string,
  targets: readonly Node[],
  {
    cache,
    tag = null,
    finished,
  }: Pick<RunStudiesOptions, 'cache' | 'tag'> & { readonly finished: ReadonlyMap<Digest, FinishedNode> },
): Promise<void> {
  const nodes = nodesOf(targets)
  const keys = nodes.flatMap(({ identity }) => finished.get(identity)?.key ?? [])
  const isWhole = keys.length === nodes.length
  const before = isWhole ? undefined : cache.uses.list().find((use) => use.name === name && use.tag === tag)
  await cache.uses.record({
    ...{ name, tag, at: new Date().toISOString() },
    keys: [...new Set([...keys, ...(before?.keys ?? [])])],
  })
}

/** Rows have keys, so what several studies share may be recorded by each. */
function joinRows(rows: readonly ResultRows[]): ResultRows {
  const join = <Row>(of: (one: ResultRows) => readonly Row[] | undefined) => rows.flatMap((one) => of(one) ?? [])
  return {
    studyRuns: join(({ studyRuns }) => studyRuns),
    models: join(({ models }) => models),
    alignments: join(({ alignments }) => alignments),
    correlations: join(({ correlations }) => correlations),
    curvePoints: join(({ curvePoints }) => curvePoints),
    estimates: join(({ estimates }) => estimates),
    scores: join(({ scores }) => scores),
    trainings: join(({ trainings }) => trainings),
    artifacts: join(({ artifacts }) => artifacts),
  }
}

/** Compute nodes that a plan depends on, on a cache and executor. */
export function computeNow({
  cache,
  executor,
  signal,
  onEvent,
}: Pick<RunStudiesOptions, 'cache' | 'executor' | 'signal' | 'onEvent'>): PlanContext['compute'] {
  return async (nodes) => {
    const result = await run(nodes, {
      cache,
      executor,
      ...(signal === undefined ? {} : { signal }),
      ...(onEvent === undefined ? {} : { onEvent }),
    })
    return nodes.map((node) => result.artifact(node).value)
  }
}
