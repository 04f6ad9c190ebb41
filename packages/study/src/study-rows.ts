import { canonicalDigest, type Digest, type Json, type Node, type NodeInput, type RunResult } from '@isthmus/dataflow'
import { graphSizes } from '@isthmus/model'
import type {
  AlignmentRow,
  ArtifactRow,
  CorrelationRow,
  CurvePointRow,
  ModelRow,
  ResultRows,
  StudyRunRow,
} from '@isthmus/results'
import { nodesOf } from './forward-passes.ts'
import type { StudyModel } from './open-models.ts'
import type { PlannedCurve, StudyPlan } from './plan-study.ts'

/** What a run said of one node when it finished. */
export interface FinishedNode {
  readonly node: Node
  readonly key: Digest
  readonly digest: Digest
  readonly cached: boolean
  readonly seconds: number
}

/** A run of a study, by itself or among others, to be recorded. */
export interface RecordedRun {
  readonly plan: StudyPlan
  /** Of all that ran. */
  readonly result: RunResult
  /** Every finished node of the run by its identity. */
  readonly finished: ReadonlyMap<Digest, FinishedNode>
  readonly startedAt: string
  readonly finishedAt: string
  /** The version of isthmus. */
  readonly version: string
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
    models: plan.models.map(modelRow),
    alignments: curves.map((curve) => alignmentRow(curve, recorded, run)),
    correlations: [...correlations.values()],
    curvePoints: curves.flatMap((curve) => curvePointRows(curve, recorded, run)),
    artifacts: own.map((node) => artifactRow(node, finished)),
  }
}

/** Digest of a study's resolved settings: runs of the same settings are the same run. */
function runDigest({ study }: StudyPlan): string {
  return canonicalDigest({
    name: study.name,
    variants: study.variants.map(({ settings }) => settings),
  } as unknown as Json)
}

function studyRunRow(
  { plan, result, startedAt, finishedAt, version }: RecordedRun,
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
    finishedAt: result.interrupted ? null : finishedAt,
    settings: plan.study.variants.map(({ settings }) => settings) as unknown as StudyRunRow['settings'],
    nodesRan: own.length - cached,
    nodesCached: cached,
    nodesFailed: failed,
    seconds: result.seconds,
    version,
  }
}

function modelRow({ name, checkpoint, graph, dtype, source }: StudyModel): ModelRow {
  return {
    digest: checkpoint.artifact.digest,
    name,
    architecture: graph.architecture,
    parameters: graph.parameters.reduce((sum, { shape }) => sum + shape.reduce((product, n) => product * n, 1), 0),
    dtype,
    ...graphSizes(graph),
    source,
  }
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
  const { key, seconds } = recorded.finished.get(curve.alignment.identity)!
  const { symmetry, tokens } = recorded.result.artifact(curve.alignment).value
  const { maxAbsLogitDifference } = recorded.result.artifact(curve.gate).value
  return {
    ...placed(curve, recorded, run),
    key,
    params: curve.alignment.params as AlignmentRow['params'],
    symmetry,
    maxAbsLogitDifference,
    seconds,
    tokens,
  }
}

function correlationRows(curve: PlannedCurve, { result, finished }: RecordedRun): CorrelationRow[] {
  const alignment = finished.get(curve.alignment.identity)!.key
  return result.artifact(curve.alignment).value.correlations.map((correlation) => ({ alignment, ...correlation }))
}

function curvePointRows(curve: PlannedCurve, recorded: RecordedRun, run: string): CurvePointRow[] {
  return curve.points
    .filter(({ node }) => recorded.finished.has(node.identity))
    .map(({ lambda, node }) => {
      const { loss, perplexity, positions } = recorded.result.artifact(node).value
      const { digest } = recorded.finished.get(node.identity)!
      return { ...placed(curve, recorded, run), lam: lambda, loss, perplexity, positions, digest }
    })
}

function artifactRow({ node, key, digest, seconds }: FinishedNode, finished: RecordedRun['finished']): ArtifactRow {
  const digestOf = (input: NodeInput) =>
    input.kind === 'source' ? input.artifact.digest : finished.get(input.identity)!.digest
  const inputs = Object.entries(node.inputs).map(([name, input]) => [
    name,
    'kind' in input ? digestOf(input as NodeInput) : (input as readonly NodeInput[]).map(digestOf),
  ])
  return { digest, operation: node.operation.id, key, inputs: Object.fromEntries(inputs), seconds }
}
