import type { Digest, RunResult } from '@isthmus/dataflow'
import type { ResultRows } from '@isthmus/results'
import type { TrainingCurvePoint } from '@isthmus/training'
import type { ExpandedFamily } from './expand-family.ts'
import { familyRows } from './family-rows.ts'
import type { PlanContext } from './plan-alignment.ts'
import { type FamilyPlan, type PlannedModel, planFamily } from './plan-family.ts'
import { computeNow, type RunStudiesOptions, recordUse, runTargets, type TargetsRun } from './run-study.ts'
import type { FinishedNode } from './study-rows.ts'

/** A family, and how the paths of its settings become paths of this machine. */
export interface PlacedFamily extends Pick<PlanContext, 'resolvePath'> {
  readonly family: ExpandedFamily
}

/** A model of a family that is trained. */
export interface FamilyModel extends Omit<PlannedModel, 'node'> {
  /** Of the training's node. */
  readonly key: Digest
  /** What the training took, the last time that it was begun or gone on with. */
  readonly seconds: number
  readonly curve: readonly TrainingCurvePoint[]
  /** Its Hugging Face folder: the paths of the files by name. They belong to the cache. */
  readonly files: Readonly<Record<string, string>>
}

/** What a run of a family came to. */
export interface FamilyRun {
  readonly plan: FamilyPlan
  readonly result: RunResult
  readonly rows: ResultRows
  /** Those that have finished. */
  readonly models: readonly FamilyModel[]
}

/** Plan a family, train what is not in the cache, and give the rows to record.
 *
 *  Returns also when a training failed or the run was interrupted.
 *  @throws {UserError} when the family cannot be planned, or no node matches `only`.
 */
export async function runFamily({ family, resolvePath }: PlacedFamily, options: RunStudiesOptions): Promise<FamilyRun> {
  const { cache, version } = options
  const startedAt = new Date().toISOString()
  const plan = await planFamily(family, { cache, resolvePath, compute: computeNow(options) })
  const rowsOf = (run: TargetsRun) =>
    familyRows({ ...run, plan, startedAt, finishedAt: new Date().toISOString(), version })
  const { result, finished } = await runTargets(plan.targets, options, rowsOf)
  await recordUse(family.name, plan.targets, { ...options, finished })
  const trained = plan.models.filter(({ node }) => finished.has(node.identity))
  return {
    plan,
    result,
    rows: rowsOf({ result, finished }),
    models: await Promise.all(trained.map((model) => familyModel(model, result, finished.get(model.node.identity)!))),
  }
}

async function familyModel(
  { node, ...model }: PlannedModel,
  result: RunResult,
  { key, seconds }: FinishedNode,
): Promise<FamilyModel> {
  const artifact = result.artifact(node)
  const files = Object.keys(artifact.blobs).map(async (name) => [name, await artifact.path(name)] as const)
  return { ...model, key, seconds, curve: artifact.value.curve, files: Object.fromEntries(await Promise.all(files)) }
}
