import {
  canonicalDigest,
  type Digest,
  type Json,
  type Node,
  type NodeInput,
  nodesOf,
  type RunResult,
} from '@isthmus/dataflow'
import { graphSizes, parameterCount } from '@isthmus/model'
import type {
  AlignmentRow,
  ArtifactRow,
  CorrelationRow,
  CurvePointRow,
  EstimateRow,
  ModelRow,
  ResultRows,
  ScoreRow,
  StudyRunRow,
  TrainingRow,
} from '@isthmus/results'
import type { StudyModel } from './open-models.ts'
import { trainedCheckpointArtifact } from './operations/artifacts.ts'
import { barrierToPrecision } from './operations/barrier-to-precision.ts'
import type { PlannedCurve, StudyPlan } from './plan-study.ts'
import { trainingRows } from './training-rows.ts'

/** What a run said of one node when it finished. */
export interface FinishedNode {
  readonly node: Node
  readonly key: Digest
  readonly digest: Digest
  readonly cached: boolean
  readonly seconds: number
}

/** Every finished node of a run by its identity. */
type Finished = ReadonlyMap<Digest, FinishedNode>

/** A run of a study, by itself or among others, to be recorded. */
export interface RecordedRun {
  readonly plan: StudyPlan
  /** Of all that ran. */
  readonly result: Pick<RunResult, 'artifact' | 'failures' | 'skipped' | 'seconds'>
  readonly finished: Finished
  readonly startedAt: string
  readonly finishedAt: string
  /** The version of isthmus. */
  readonly version: string
}

/** What is recorded of a run of whatever kind. */
export interface RunRecord extends Omit<RecordedRun, 'plan'> {
  readonly plan: {
    readonly study: {
      readonly name: string
      readonly variants: readonly { readonly settings: object }[]
    }
  }
}

/** The rows of the results database that a run of a study stands for, of whatever has finished.
 *
 *  A curve is recorded once its gate has: its points, its alignment and its correlations. Rows have keys, so that
 *  recording a run again changes nothing.
 */
export function studyRows(recorded: RecordedRun): ResultRows {
  const { plan, finished } = recorded
  const nodes = nodesOf(plan.targets)
  const own = nodes.flatMap(({ identity }) => finished.get(identity) ?? [])
  const run = runDigest(plan)
  const curves = plan.curves.filter((curve) => finished.has(curve.gate.identity))
  const correlations = new Map<string, CorrelationRow>()
  for (const curve of curves) {
    for (const row of correlationRows(curve, recorded))
      correlations.set(`${row.alignment} ${row.site} ${row.layer}`, row)
  }
  return {
    studyRuns: [studyRunRow(recorded, run, nodes, own)],
    models: plan.models.flatMap((model) => modelRows(model, finished)),
    alignments: curves.map((curve) => alignmentRow(curve, recorded, run)),
    correlations: [...correlations.values()],
    curvePoints: curves.flatMap((curve) => curvePointRows(curve, recorded, run)),
    estimates: curves.flatMap((curve) => estimateRows(curve, recorded, run)),
    scores: curves.flatMap((curve) => scoreRows(curve, recorded, run)),
    trainings: trainingsOf(recorded, run),
    artifacts: own.map((node) => artifactRow(node, finished)),
  }
}

/** Digest of a study's resolved settings: runs of the same settings are the same run. */
export function runDigest({ study }: RunRecord['plan']): string {
  return canonicalDigest({
    name: study.name,
    variants: study.variants.map(({ settings }) => settings),
  } as unknown as Json)
}

/** The row of a run.
 *
 *  @param nodes All of it.
 *  @param own Those that have finished.
 */
export function studyRunRow(
  { plan, result, startedAt, finishedAt, version }: RunRecord,
  run: string,
  nodes: readonly Node[],
  own: readonly FinishedNode[],
): StudyRunRow {
  const cached = own.filter((node) => node.cached).length
  const identities = new Set(nodes.map(({ identity }) => identity))
  const failed = [...result.failures, ...result.skipped].filter(({ node }) => identities.has(node.identity)).length
  return {
    study: plan.study.name,
    run,
    startedAt,
    finishedAt: own.length + failed < nodes.length ? null : finishedAt,
    settings: plan.study.variants.map(({ settings }) => settings) as unknown as StudyRunRow['settings'],
    nodesRan: own.length - cached,
    nodesCached: cached,
    nodesFailed: failed,
    seconds: result.seconds,
    version,
  }
}

/** None of a model that is yet to be trained. */
function modelRows({ name, checkpoint, graph, dtype, source }: StudyModel, finished: Finished): ModelRow[] {
  const digest = digestOf(checkpoint, finished)
  if (digest === undefined) return []
  return [
    {
      digest,
      name,
      architecture: graph.architecture,
      parameters: parameterCount(graph),
      dtype,
      ...graphSizes(graph),
      source,
    },
  ]
}

/** The digest of an input; undefined of a node that has not finished. */
function digestOf(input: NodeInput, finished: Finished): Digest | undefined {
  return input.kind === 'source' ? input.artifact.digest : finished.get(input.identity)?.digest
}

function placed({ variant, a, b, method }: PlannedCurve, { plan }: RecordedRun, run: string) {
  return {
    study: plan.study.name,
    run,
    variant: variant.name,
    settings: variant.swept as AlignmentRow['settings'],
    pair: `${a.name}|${b.name}`,
    modelA: a.name,
    modelB: b.name,
    method: method.name,
  }
}

function alignmentRow(curve: PlannedCurve, recorded: RecordedRun, run: string): AlignmentRow {
  const { key } = recorded.finished.get(curve.alignment.identity)!
  const { symmetry, tokens } = recorded.result.artifact(curve.alignment).value
  const { maxAbsLogitDifference } = recorded.result.artifact(curve.gate).value
  return {
    ...placed(curve, recorded, run),
    key,
    params: curve.alignment.params as AlignmentRow['params'],
    symmetry,
    maxAbsLogitDifference,
    seconds: alignmentSeconds(curve, recorded),
    tokens,
  }
}

/** What an alignment takes once its models are there: all steps that lead to it, of text too, shared with others or not. */
function alignmentSeconds({ alignment, a, b }: PlannedCurve, { finished }: RecordedRun): number {
  const made = [a, b].flatMap(({ checkpoint }) => (checkpoint.kind === 'node' ? [checkpoint] : []))
  const ofModels = new Set(nodesOf(made).map(({ identity }) => identity))
  return nodesOf([alignment])
    .filter(({ identity }) => !ofModels.has(identity))
    .reduce((sum, { identity }) => sum + finished.get(identity)!.seconds, 0)
}

function correlationRows(curve: PlannedCurve, { result, finished }: RecordedRun): CorrelationRow[] {
  const alignment = finished.get(curve.alignment.identity)!.key
  return result.artifact(curve.alignment).value.correlations.map((correlation) => ({ alignment, ...correlation }))
}

function curvePointRows(curve: PlannedCurve, recorded: RecordedRun, run: string): CurvePointRow[] {
  const estimate = finishedEstimate(curve, recorded)
  if (estimate !== undefined) {
    const place = { ...placed(curve, recorded, run), digest: estimate.digest }
    return estimate.value.points.map(({ lambda, loss, positions }) => {
      return { ...place, lam: lambda, loss, perplexity: Math.exp(loss), positions }
    })
  }
  return curve.points
    .filter(({ node }) => recorded.finished.has(node.identity))
    .map(({ lambda, node }) => {
      const { loss, perplexity, positions } = recorded.result.artifact(node).value
      const { digest } = recorded.finished.get(node.identity)!
      return { ...placed(curve, recorded, run), lam: lambda, loss, perplexity, positions, digest }
    })
}

function estimateRows(curve: PlannedCurve, recorded: RecordedRun, run: string): EstimateRow[] {
  const estimate = finishedEstimate(curve, recorded)
  if (estimate === undefined) return []
  const { precision, confidence } = barrierToPrecision.params.parse(curve.estimate!.params)
  const { points: _, ...value } = estimate.value
  return [{ ...placed(curve, recorded, run), precision, confidence, ...value }]
}

function finishedEstimate({ estimate }: PlannedCurve, { result, finished }: RecordedRun) {
  if (estimate === null || !finished.has(estimate.identity)) return undefined
  return result.artifact(estimate)
}

/** The curves of the models that the study makes, by the variants that have them. */
function trainingsOf({ plan, result, finished }: RecordedRun, run: string): TrainingRow[] {
  const rows = new Map<string, TrainingRow[]>()
  for (const { variant, a, b } of plan.curves) {
    for (const { checkpoint, name } of [a, b]) {
      const own = checkpoint.kind === 'node' ? finished.get(checkpoint.identity) : undefined
      if (checkpoint.kind === 'source' || own === undefined) continue
      const { curve } = trainedCheckpointArtifact.parse(result.artifact(checkpoint).value)
      const place = { study: plan.study.name, run, variant: variant.name, model: name, key: own.key }
      rows.set(`${variant.name} ${own.key}`, trainingRows(curve, place))
    }
  }
  return [...rows.values()].flat()
}

function scoreRows(curve: PlannedCurve, recorded: RecordedRun, run: string): ScoreRow[] {
  const { task, points } = curve
  if (task === null) return []
  return points
    .filter(({ node }) => recorded.finished.has(node.identity))
    .flatMap(({ lambda, node }) => {
      const { value } = recorded.result.artifact(node)
      const scores = 'scores' in value ? Object.entries(value.scores) : []
      return scores.map(([metric, score]) => ({
        ...placed(curve, recorded, run),
        lam: lambda,
        task,
        metric,
        value: score,
      }))
    })
}

/** The lineage of what a node made. */
export function artifactRow({ node, key, digest, seconds }: FinishedNode, finished: Finished): ArtifactRow {
  const inputs = Object.entries(node.inputs).map(([name, input]) => [
    name,
    'kind' in input
      ? digestOf(input as NodeInput, finished)!
      : (input as readonly NodeInput[]).map((one) => digestOf(one, finished)!),
  ])
  return { digest, operation: node.operation.id, key, inputs: Object.fromEntries(inputs), seconds }
}
