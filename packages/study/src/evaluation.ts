import type { Node, NodeInput, NodeOptions } from '@isthmus/dataflow'
import { UserError } from '@isthmus/tensor'
import type { StudyModel } from './open-models.ts'
import type {
  AlignmentValue,
  BarrierEstimateValue,
  EngineParam,
  EvaluationSetValue,
  LossValue,
  TaskEvaluationValue,
} from './operations/artifacts.ts'
import { barrierToPrecision } from './operations/barrier-to-precision.ts'
import { interpolatedTask, modelTask } from './operations/evaluate-task.ts'
import { interpolatedLoss, modelLoss } from './operations/losses.ts'
import type { PlannedTask } from './plan-task.ts'

/** Two models, and how the second is moved to the first. */
export interface AlignedPair {
  readonly a: StudyModel
  readonly b: StudyModel
  readonly alignment: NodeInput<AlignmentValue>
}

/** A point on the line between them. */
export interface PairPoint {
  readonly lambda: number
  readonly decoder: 'tied' | 'untied'
}

/** The line between them, and how well its barrier is to be known. */
export interface BarrierToPrecision extends Pick<PairPoint, 'decoder'> {
  readonly lambdas: readonly number[]
  /** How narrow its interval is to be, in nats. */
  readonly precision: number
  /** Of the order in which blocks are drawn. */
  readonly seed: number
}

/** With which the interval of a barrier that is taken to a precision holds what it is on all blocks. */
const confidence = 0.95

/** What models are evaluated on: makes the nodes of a curve. */
export interface Evaluation {
  /** The id of the task; null where it is none. */
  readonly task: string | null
  /** A model as it is. */
  model(model: StudyModel): Node<LossValue | TaskEvaluationValue>
  /** A model between two. */
  interpolated(pair: AlignedPair, point: PairPoint, options: NodeOptions): Node<LossValue | TaskEvaluationValue>
  /** The barrier between two, to a precision.
   *
   *  @throws {UserError} where it can only be taken on all there is.
   */
  barrier(pair: AlignedPair, line: BarrierToPrecision, options: NodeOptions): Node<BarrierEstimateValue>
}

/** Losses on a text or on images. */
export class LossEvaluation implements Evaluation {
  readonly task = null
  readonly #blocks: Node<EvaluationSetValue>
  readonly #engine: EngineParam

  constructor(blocks: Node<EvaluationSetValue>, engine: EngineParam) {
    this.#blocks = blocks
    this.#engine = engine
  }

  model({ checkpoint, name }: StudyModel): Node<LossValue> {
    const params = { engine: this.#engine }
    return modelLoss.node({ model: checkpoint, blocks: this.#blocks }, params, { label: `loss of ${name}` })
  }

  interpolated({ a, b, alignment }: AlignedPair, point: PairPoint, options: NodeOptions): Node<LossValue> {
    return interpolatedLoss.node(
      { a: a.checkpoint, b: b.checkpoint, alignment, blocks: this.#blocks },
      { ...point, engine: this.#engine },
      options,
    )
  }

  barrier({ a, b, alignment }: AlignedPair, line: BarrierToPrecision, options: NodeOptions) {
    return barrierToPrecision.node(
      { a: a.checkpoint, b: b.checkpoint, alignment, blocks: this.#blocks },
      { ...line, lambdas: [...line.lambdas], confidence, engine: this.#engine },
      options,
    )
  }
}

/** Losses and scores on the validation split of a task. */
export class TaskEvaluation implements Evaluation {
  readonly task: string
  readonly #planned: PlannedTask
  readonly #engine: EngineParam

  constructor(planned: PlannedTask, engine: EngineParam) {
    this.task = planned.task.id
    this.#planned = planned
    this.#engine = engine
  }

  model({ checkpoint, name }: StudyModel): Node<TaskEvaluationValue> {
    const { validation } = this.#planned
    return modelTask.node({ model: checkpoint, task: validation }, this.#params(), {
      label: `loss of ${name} on ${this.task}`,
    })
  }

  interpolated({ a, b, alignment }: AlignedPair, point: PairPoint, options: NodeOptions): Node<TaskEvaluationValue> {
    const { validation } = this.#planned
    return interpolatedTask.node(
      { a: a.checkpoint, b: b.checkpoint, alignment, task: validation },
      { ...point, ...this.#params() },
      options,
    )
  }

  barrier(): never {
    throw new UserError(
      `evaluation.precision is for losses on a text or on images, but the losses of this study are taken on the task ` +
        `${this.task}: set evaluation.precision=null`,
    )
  }

  #params() {
    return { metrics: [...this.#planned.task.metrics], engine: this.#engine }
  }
}
