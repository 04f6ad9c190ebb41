import { type AlignmentMethod, alignmentMethod, decoderOf } from '@isthmus/alignment'
import type { Node } from '@isthmus/dataflow'
import { engineIdentity } from './engines.ts'
import type { Evaluation } from './evaluation.ts'
import type { ExpandedStudy, StudyVariant } from './expand-study.ts'
import type { FamilyContext } from './locate-family.ts'
import { identityOf, type StudyModel } from './open-models.ts'
import type {
  AlignmentValue,
  BarrierEstimateValue,
  GateValue,
  LossValue,
  TaskEvaluationValue,
} from './operations/artifacts.ts'
import { gate } from './operations/gate.ts'
import type { AlignmentPlanner, PlanContext } from './plan-alignment.ts'
import { remembered } from './remembered.ts'
import type { StudySettings } from './settings.ts'
import { evaluationSettings, SharedParts } from './shared-parts.ts'

/** What planning a study needs of the world. */
export type StudyContext = PlanContext & FamilyContext

/** The nodes whose artifacts are the rows of a curve. */
export interface CurveNodes {
  readonly alignment: Node<AlignmentValue>
  readonly gate: Node<GateValue>
  /** None where `estimate` has them. */
  readonly points: readonly PlannedPoint[]
  /** The barrier and the points, where the barrier is taken to a precision; null where every loss is taken on all blocks. */
  readonly estimate: Node<BarrierEstimateValue> | null
}

/** One curve of a study. */
export interface PlannedCurve extends CurveNodes {
  readonly variant: StudyVariant
  readonly a: StudyModel
  readonly b: StudyModel
  readonly method: AlignmentMethod
  /** The id of the task that it is on; null where losses are taken on a text or on images. */
  readonly task: string | null
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
  const shared = new SharedParts(context)
  const planners: VariantPlanner[] = []
  for (const variant of study.variants) planners.push(await VariantPlanner.open(variant, shared))
  await shared.computeSamples()
  const models = new Map<string, StudyModel>()
  const curves: PlannedCurve[] = []
  for (const planner of planners) {
    for (const model of planner.models) models.set(identityOf(model.checkpoint), model)
    curves.push(...(await planner.curves()))
  }
  const targets = new Set<Node>()
  for (const { alignment, gate, points, estimate } of curves) {
    for (const node of [alignment, gate, ...points.map(({ node }) => node), estimate ?? []].flat()) targets.add(node)
  }
  return { study, models: [...models.values()], curves, targets: [...targets] }
}

/** The values of λ that a setting stands for. */
export function lambdaValues(setting: StudySettings['lambdas']): number[] {
  if (typeof setting !== 'number') return [...new Set(setting)].sort((x, y) => x - y)
  return Array.from({ length: setting }, (_, i) => i / (setting - 1))
}

class VariantPlanner {
  readonly models: readonly StudyModel[]
  readonly #variant: StudyVariant
  readonly #shared: SharedParts
  readonly #methods: readonly AlignmentMethod[]
  readonly #alignment: AlignmentPlanner
  readonly #evaluation: Evaluation
  /** Of what the curves of variants have in common where they are equal. */
  readonly #curveSettings: string

  private constructor(
    variant: StudyVariant,
    shared: SharedParts,
    models: readonly StudyModel[],
    alignment: AlignmentPlanner,
    evaluation: Evaluation,
  ) {
    this.#variant = variant
    this.#shared = shared
    this.models = models
    this.#methods = variant.settings.methods.map(alignmentMethod)
    this.#alignment = alignment
    this.#evaluation = evaluation
    this.#curveSettings = JSON.stringify([variant.settings.lambdas, evaluationSettings(variant.settings)])
  }

  static async open(variant: StudyVariant, shared: SharedParts): Promise<VariantPlanner> {
    const { settings } = variant
    const [models, evaluation] = [await shared.models(settings), await shared.evaluation(settings)]
    return new VariantPlanner(variant, shared, models, await shared.alignment(settings), evaluation)
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
    const models = [a, b].map(({ name, checkpoint }) => [name, identityOf(checkpoint)])
    const key = [models, method.name, alignment.identity, this.#curveSettings]
    const nodes = remembered(this.#shared.curves, key, () => this.#curveNodes(a, b, method, alignment))
    return { variant: this.#variant, a, b, method, task: this.#evaluation.task, ...nodes }
  }

  #curveNodes(a: StudyModel, b: StudyModel, method: AlignmentMethod, alignment: Node<AlignmentValue>): CurveNodes {
    const pair = `${a.name} and ${b.name}`
    const engine = engineIdentity(this.#variant.settings.engine)
    const gateNode = gate.node(
      { model: b.checkpoint, alignment },
      { decoder: decoderOf(method.space), engine },
      { label: `gate ${method.name} on ${pair}` },
    )
    const lambdas = lambdaValues(this.#variant.settings.lambdas)
    const { precision, seed } = this.#variant.settings.evaluation
    if (precision !== null) {
      const estimate = this.#evaluation.barrier(
        { a, b, alignment },
        { lambdas, decoder: decoderOf(method.space), precision, seed },
        { label: `barrier of ${pair} by ${method.name} to ${precision}`, after: [gateNode] },
      )
      return { alignment, gate: gateNode, points: [], estimate }
    }
    const points = lambdas.map((lambda) => ({
      lambda,
      node: this.#point(a, b, method, alignment, gateNode, lambda),
    }))
    return { alignment, gate: gateNode, points, estimate: null }
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
