import { setImmediate } from 'node:timers/promises'
import type { Feeds } from '@isthmus/engine'
import type { Graph } from '@isthmus/model'
import { type Tensor, UserError } from '@isthmus/tensor'
import { AdamW } from './adamw.ts'
import { clippingScale } from './clip-gradients.ts'
import { type Differentiator, openDifferentiator } from './differentiator.ts'
import type { TrainingCurvePoint } from './training-curve.ts'
import { learningRateAt, type TrainingRecipe } from './training-recipe.ts'
import { readTrainingState, writeTrainingState } from './training-state.ts'

/** What one step is taken on. */
export interface TrainingBatch {
  /** May differ from step to step (a causal mask, another position); its parameters may not. */
  readonly graph: Graph
  /** By the graph's inputs; what it does not read may be among them. */
  readonly feeds: Feeds
}

export interface TrainingOptions {
  /** Initial weights, f32; not modified. All are trained. */
  readonly parameters: ReadonlyMap<string, Tensor>
  readonly recipe: TrainingRecipe
  /** A backend of engine-tfjs, or `auto` or `cpu`. */
  readonly executionProvider: string
  /** The batch of a step, 0 … steps − 1: a function of the step alone, so that a training can go on from any. */
  batch(step: number): TrainingBatch
  /** Steps between the points of the curve; the last step always has one. */
  readonly recordEvery: number
  /** A loss on data that is not trained on, for the points at multiples of `every`, and for the last. */
  readonly validation?: {
    readonly every: number
    loss(differentiator: Differentiator, parameters: ReadonlyMap<string, Tensor>): number
  }
  /** A file that outlives a killed process, written every so many minutes and when the signal ends the training. */
  readonly state?: { readonly path: string; readonly minutes: number }
  /** Called after each step. */
  onStep?(done: number, total: number): void
  readonly signal?: AbortSignal
}

/** What a training came to. */
export interface TrainedModel {
  readonly parameters: Map<string, Tensor>
  readonly curve: readonly TrainingCurvePoint[]
}

/** Train a graph: minimise the mean of its `negativeLogLikelihood` by AdamW.
 *
 *  The result is a function of the initial weights, the recipe, the batches and the backend, to the bit: also when it was
 *  killed and goes on from its state, since each step's batch, dropout and learning rate follow from the step's number.
 *  Memory: weights and two moments on the host; for one step the weights and gradients again, and its activations.
 *  @throws {UserError} when the loss is not finite, naming the step; when the state is damaged or of another model; when
 *    this machine lacks the backend. The signal's reason when it was aborted.
 */
export async function train(options: TrainingOptions): Promise<TrainedModel> {
  const { recipe, state, signal } = options
  const differentiator = await openDifferentiator(options.executionProvider)
  const shapes = new Map([...options.parameters].map(([name, { shape }]) => [name, shape]))
  const resumed = state === undefined ? null : await readTrainingState(state.path, shapes)
  const parameters = resumed === null ? copyParameters(options.parameters) : new Map(resumed.parameters)
  const optimizer = new AdamW(parameters, recipe, resumed ?? undefined)
  const curve = [...(resumed?.curve ?? [])]
  let losses = [...(resumed?.losses ?? [])]
  let saved = performance.now()
  const save = (steps: number) =>
    writeTrainingState(state!.path, { steps, parameters, moments: optimizer.moments, curve, losses })
  for (let step = resumed?.steps ?? 0; step < recipe.steps; step++) {
    if (signal?.aborted) {
      if (state !== undefined) await save(step)
      throw signal.reason
    }
    losses.push(takeStep(differentiator, optimizer, parameters, options, step))
    const done = step + 1
    if (done % options.recordEvery === 0 || done === recipe.steps) {
      curve.push(curvePoint(differentiator, parameters, options, done, losses))
      losses = []
    }
    options.onStep?.(done, recipe.steps)
    if (state !== undefined && performance.now() - saved > state.minutes * 60_000) {
      await save(done)
      saved = performance.now()
    }
    // Lets messages in: an abort, for one.
    await setImmediate()
  }
  return { parameters, curve }
}

function copyParameters(parameters: ReadonlyMap<string, Tensor>): Map<string, Tensor> {
  return new Map([...parameters].map(([name, { shape, data }]) => [name, { shape, data: data.slice() }]))
}

function takeStep(
  differentiator: Differentiator,
  optimizer: AdamW,
  parameters: ReadonlyMap<string, Tensor>,
  { recipe, batch }: TrainingOptions,
  step: number,
): number {
  const { graph, feeds } = batch(step)
  const { dropout: rate, seed, maxGradientNorm } = recipe
  const { loss, gradients } = differentiator.gradients(graph, parameters, feeds, { dropout: { rate, seed, step } })
  if (!Number.isFinite(loss)) {
    throw new UserError(
      `the loss of step ${step + 1} is ${loss}: the training has diverged; lower the learning rate, ` +
        `${recipe.learningRate}, or warm up for more than ${recipe.warmupSteps} steps`,
    )
  }
  optimizer.step(gradients, learningRateAt(step, recipe), clippingScale(gradients, maxGradientNorm))
  return loss
}

function curvePoint(
  differentiator: Differentiator,
  parameters: ReadonlyMap<string, Tensor>,
  { recipe, validation }: TrainingOptions,
  done: number,
  losses: readonly number[],
): TrainingCurvePoint {
  const isValidated = validation !== undefined && (done % validation.every === 0 || done === recipe.steps)
  return {
    step: done,
    loss: losses.reduce((sum, loss) => sum + loss, 0) / losses.length,
    learningRate: learningRateAt(done - 1, recipe),
    validationLoss: isValidated ? validation.loss(differentiator, parameters) : null,
  }
}
