import { type AlignmentMethod, alignmentMethod, decoderOf } from '@isthmus/alignment'
import type { Node, NodeInput } from '@isthmus/dataflow'
import { engineIdentity } from './engines.ts'
import { type Evaluation, LossEvaluation, TaskEvaluation } from './evaluation.ts'
import type { ExpandedStudy, StudyVariant } from './expand-study.ts'
import { type FamilyContext, locateFamily } from './locate-family.ts'
import { openModels, type StudyModel } from './open-models.ts'
import type { AlignmentValue, GateValue, LossValue, TaskEvaluationValue } from './operations/artifacts.ts'
import { gate } from './operations/gate.ts'
import { AlignmentPlanner, type PlanContext } from './plan-alignment.ts'
import { planEvaluation } from './plan-evaluation.ts'
import { modelsOnTask, planTask } from './plan-task.ts'
import type { StudySettings } from './settings.ts'

/** What planning a study needs of the world. */
export type StudyContext = PlanContext & FamilyContext

/** One curve of a study: the nodes whose artifacts are its rows. */
export interface PlannedCurve {
  readonly variant: StudyVariant
  readonly a: StudyModel
  readonly b: StudyModel
  readonly method: AlignmentMethod
  readonly alignment: Node<AlignmentValue>
  readonly gate: Node<GateValue>
  /** The id of the task that it is on; null where losses are taken on a text or on images. */
  readonly task: string | null
  readonly points: readonly PlannedPoint[]
}

/** A point of a curve; on a task it has scores beside the loss. */
export interface PlannedPoint {
  readonly lambda: number
  readonly node: Node<LossValue | TaskEvaluationValue>
}

/** A study as a graph of operations. */
export interface StudyPlan {
  readonly study: ExpandedStudy
  readonly models: readonly StudyModel[]
  readonly curves: readonly PlannedCurve[]
  /** What a run is asked for; it computes what these need. */
  readonly targets: readonly Node[]
}

/** Lay a study out as operations: who is aligned with whom, by what, and where losses are taken.
 *
 *  Nodes that are equal (captures, correlations, endpoints) are one to the run, over pairs, methods, variants and
 *  studies. λ = 1 is the loss of A, and λ = 0 that of B where the method keeps the function, which the gate measures
 *  first; a method that breaks it has B' evaluated.
 *  @throws {UserError} naming the setting, file or model that does not fit.
 */
export async function planStudy(study: ExpandedStudy, context: StudyContext): Promise<StudyPlan> {
  const models = new Map<string, StudyModel>()
  const curves: PlannedCurve[] = []
  for (const variant of study.variants) {
    const planner = await VariantPlanner.open(variant, context)
    for (const model of planner.models) models.set(identityOf(model.checkpoint), model)
    curves.push(...(await planner.curves()))
  }
  const targets = curves.flatMap((curve) => [curve.alignment, curve.gate, ...curve.points.map(({ node }) => node)])
  return { study, models: [...models.values()], curves, targets }
}

/** Equal for equal files, and for equal nodes. */
function identityOf(input: NodeInput): string {
  return input.kind === 'source' ? input.artifact.digest : input.identity
}

/** The values of λ that a setting stands for. */
export function lambdaValues(setting: StudySettings['lambdas']): number[] {
  if (typeof setting !== 'number') return [...new Set(setting)].sort((x, y) => x - y)
  return Array.from({ length: setting }, (_, i) => i / (setting - 1))
}

class VariantPlanner {
  readonly models: readonly StudyModel[]
  readonly #variant: StudyVariant
  readonly #methods: readonly AlignmentMethod[]
  readonly #alignment: AlignmentPlanner
  readonly #evaluation: Evaluation

  private constructor(
    variant: StudyVariant,
    models: readonly StudyModel[],
    methods: readonly AlignmentMethod[],
    alignment: AlignmentPlanner,
    evaluation: Evaluation,
  ) {
    this.#variant = variant
    this.models = models
    this.#methods = methods
    this.#alignment = alignment
    this.#evaluation = evaluation
  }

  static async open(variant: StudyVariant, context: StudyContext): Promise<VariantPlanner> {
    const { settings } = variant
    const found = await openModels(context.cache, await locateFamily(settings.family, settings.seeds, context))
    const task = await planTask(settings, found, context)
    const models = task === null ? found : modelsOnTask(found, task, settings)
    const engine = engineIdentity(settings.engine)
    const evaluation =
      task === null
        ? new LossEvaluation(await planEvaluation(settings, models[0]!, context), engine)
        : new TaskEvaluation(task, engine)
    const methods = settings.methods.map(alignmentMethod)
    const alignment = new AlignmentPlanner(settings, models, methods, context, task?.sample ?? null)
    return new VariantPlanner(variant, models, methods, alignment, evaluation)
  }

  async curves(): Promise<PlannedCurve[]> {
    const curves: PlannedCurve[] = []
    for (const [a, b] of this.#pairs()) {
      for (const method of this.#methods)
        curves.push(this.#curve(a, b, method, await this.#alignment.align(a, b, method)))
    }
    return curves
  }

  #pairs(): [StudyModel, StudyModel][] {
    const { pairs, seeds } = this.#variant.settings
    const named =
      pairs === 'all' ? seeds.flatMap((a, i) => seeds.slice(i + 1).map((b): [number, number] => [a, b])) : pairs
    return named.map(([a, b]) => [this.models[seeds.indexOf(a)]!, this.models[seeds.indexOf(b)]!])
  }

  #curve(a: StudyModel, b: StudyModel, method: AlignmentMethod, alignment: Node<AlignmentValue>): PlannedCurve {
    const pair = `${a.name} and ${b.name}`
    const engine = engineIdentity(this.#variant.settings.engine)
    const gateNode = gate.node(
      { model: b.checkpoint, alignment },
      { decoder: decoderOf(method.space), engine },
      { label: `gate ${method.name} on ${pair}` },
    )
    const points = lambdaValues(this.#variant.settings.lambdas).map((lambda) => ({
      lambda,
      node: this.#point(a, b, method, alignment, gateNode, lambda),
    }))
    return { variant: this.#variant, a, b, method, alignment, gate: gateNode, task: this.#evaluation.task, points }
  }

  #point(
    a: StudyModel,
    b: StudyModel,
    method: AlignmentMethod,
    alignment: Node<AlignmentValue>,
    gateNode: Node<GateValue>,
    lambda: number,
  ): PlannedPoint['node'] {
    const endpoint = lambda === 1 ? a : lambda === 0 && method.symmetry === 'kept' ? b : null
    if (endpoint !== null) return this.#evaluation.model(endpoint)
    return this.#evaluation.interpolated(
      { a, b, alignment },
      { lambda, decoder: decoderOf(method.space) },
      { label: `loss of ${a.name} and ${b.name} by ${method.name} at λ = ${lambda}`, after: [gateNode] },
    )
  }
}
