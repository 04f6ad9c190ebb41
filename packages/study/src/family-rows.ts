import { artifactDigest, type Digest, nodesOf } from '@isthmus/dataflow'
import { graphOf, graphSizes, parameterCount } from '@isthmus/model'
import type { ModelRow, ResultRows } from '@isthmus/results'
import type { FamilyPlan, PlannedModel } from './plan-family.ts'
import { artifactRow, type FinishedNode, type RunRecord, runDigest, studyRunRow } from './study-rows.ts'
import { trainingRows } from './training-rows.ts'

/** A run of a family, to be recorded. */
export interface RecordedFamily extends Omit<RunRecord, 'plan'> {
  readonly plan: FamilyPlan
}

/** The rows of the results database that a run of a family stands for, of whatever has finished. */
export function familyRows(recorded: RecordedFamily): ResultRows {
  const { plan, finished, result } = recorded
  const { name, settings } = plan.family
  const study = { name, variants: [{ settings }] }
  const run = runDigest({ study })
  const nodes = nodesOf(plan.targets)
  const own = nodes.flatMap(({ identity }) => finished.get(identity) ?? [])
  const trained = plan.models.filter(({ node }) => finished.has(node.identity))
  return {
    studyRuns: [studyRunRow({ ...recorded, plan: { study } }, run, nodes, own)],
    models: trained.map((model) => modelRow(model, result.artifact(model.node).blobs)),
    trainings: trained.flatMap(({ name: model, node }) =>
      trainingRows(result.artifact(node).value.curve, {
        ...{ study: name, run, variant: '', model },
        key: finished.get(node.identity)!.key,
      }),
    ),
    artifacts: own.map((node: FinishedNode) => artifactRow(node, finished)),
  }
}

/** By the digest that the model has for studies, which know its folder. */
function modelRow({ name, params }: PlannedModel, blobs: Readonly<Record<string, Digest>>): ModelRow {
  const graph = graphOf(params.config, name, { padding: false })
  const files = { 'config.json': blobs['config.json']!, 'model.safetensors': blobs['model.safetensors']! }
  return {
    digest: artifactDigest({ kind: 'checkpoint' }, files),
    name,
    architecture: graph.architecture,
    parameters: parameterCount(graph),
    dtype: 'F32',
    ...graphSizes(graph),
    source: null,
  }
}
