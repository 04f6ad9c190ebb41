import { randomStream } from '@isthmus/corpus'
import type { Graph, PermutableAxis } from '@isthmus/model'
import { identityPermutation, lerp, type Permutation, type Tensor, UserError } from '@isthmus/tensor'
import type { Alignment, Component } from './alignment-method.ts'
import { alignmentSymmetries } from './alignment-symmetries.ts'
import { type AxisBlock, axisBlocks, componentAxes } from './axis-blocks.ts'
import { moveMember } from './axis-map.ts'
import { AxisMomentum } from './axis-momentum.ts'
import { matchBlock } from './match-block.ts'
import type { MatrixProduct } from './matrix-product.ts'
import { permutationGradient } from './permutation-gradient.ts'

type Weights = ReadonlyMap<string, Tensor>

/** The loss of models on the path, as whoever can differentiate it computes it. */
export interface PathObjective {
  /** The loss of the batch of a step, 0 … steps − 1, and its gradient with respect to every parameter. */
  gradients(weights: Weights, step: number): { readonly loss: number; readonly gradients: Weights }
  /** The loss on data on which no step is taken. */
  heldOutLoss(weights: Weights): number
}

/** How permutations are learned. */
export interface LearnedMatchingSettings {
  readonly steps: number
  /** η of the first step, in units of the score that a pair of the start has before others; it falls linearly to 0. */
  readonly learningRate: number
  /** The λ of a step is drawn uniformly from here. */
  readonly lambdaRange: readonly [number, number]
  /** Steps between measurements of the held-out loss. */
  readonly evaluateEvery: number
  /** Fixes the λs. */
  readonly seed: number
}

/** What learning is done with. */
export interface LearnedMatchingContext {
  /** The graph of both models, built as the alignment's space needs it (`decoderOf`). */
  readonly graph: Graph
  /** A's and B's parameters by the graph's names, f32; not modified. */
  readonly a: Weights
  readonly b: Weights
  /** The parts of the model whose axes are learned; others stay as the start has them. */
  readonly components: readonly Component[]
  readonly objective: PathObjective
  readonly settings: LearnedMatchingSettings
  /** Computes products of matrices in f32. */
  readonly product: MatrixProduct
  /** Called after each step; awaited, so that others may run. */
  readonly onStep?: (done: number, total: number) => void | Promise<void>
}

/** A measurement of the permutations that have been learned so far. */
export interface LearnedMatchingPoint {
  /** Steps taken. */
  readonly step: number
  /** The mean loss of the steps since the last measurement, at their λs; null before the first step. */
  readonly loss: number | null
  /** At λ = ½, on data that is not learned from. */
  readonly heldOutLoss: number
}

/** What learning came to. */
export interface LearnedMatching {
  readonly alignment: Alignment
  /** The first point is the start. */
  readonly curve: readonly LearnedMatchingPoint[]
  /** Which point of the curve the alignment is of: that of the smallest held-out loss, the first of them. */
  readonly bestStep: number
}

/** Learn what remains of an alignment within the symmetry group, by the loss on the straight path.
 *
 *      min_π E_λ L(λ θ_A + (1 − λ) π(θ_B)),   π = argmax_π Σ_i Z[i, π(i)] on each axis
 *      Z ← Z − η m̂ / √v̂,   m and v the moments of ∂L/∂P,   λ ~ U(lambdaRange)
 *
 *  Each axis has scores Z `[d, d]`, which start as the matrix of its permutation. A step projects them to permutations
 *  exactly, computes the loss of a batch at those, and hands the gradient by the permutation's matrix straight through to
 *  the scores, as if they were it: B's and A's weights stay as they are. Axes that share the order of their heads are
 *  projected together, by Algorithm 1, so that every permutation tried lies in the symmetry group. The gradient is exact,
 *  but says nothing of how far it holds; so the loss at λ = ½ on other data is measured every few steps, and what comes
 *  back are the permutations that were best there, of the start and those measured: on that data never worse than the start.
 *
 *  Git Re-Basin takes this estimator at λ = ½ alone and projects a whole approximation of θ_A; Generalized Linear Mode
 *  Connectivity draws λ about ½ and projects latent matrices, as here. Cost: a step is one gradient of the model, about as
 *  many products as weight matching has in a pass, and the assignments of a pass. Deterministic as the objective is.
 *  @throws {UserError} when the loss or a gradient is not finite, naming the step.
 *  @see Ainsworth, Hayase & Srinivasa (2023), Git Re-Basin, §3.3, Algorithm 3 (in its appendix).
 *  @see Theus et al. (2025), Generalized Linear Mode Connectivity for Transformers, “Learned matching”, arXiv 2506.22712.
 */
export async function learnMatching(start: Alignment, context: LearnedMatchingContext): Promise<LearnedMatching> {
  const { objective, settings, onStep } = context
  const scores = new PermutationScores(start, context)
  const measure = (step: number, losses: readonly number[]): LearnedMatchingPoint => ({
    step,
    loss: losses.length === 0 ? null : losses.reduce((sum, loss) => sum + loss, 0) / losses.length,
    heldOutLoss: objective.heldOutLoss(between(context.a, scores.moved, 0.5)),
  })
  let best = { permutations: scores.permutations, point: measure(0, []) }
  const curve = [best.point]
  let losses: number[] = []
  for (let step = 0; step < settings.steps; step++) {
    losses.push(await takeStep(scores, context, step))
    const done = step + 1
    if (done % settings.evaluateEvery === 0 || done === settings.steps) {
      const point = measure(done, losses)
      curve.push(point)
      losses = []
      if (point.heldOutLoss < best.point.heldOutLoss) best = { permutations: scores.permutations, point }
    }
    await onStep?.(done, settings.steps)
  }
  const permutations = new Map([...start.permutations, ...best.permutations])
  return { alignment: { permutations, space: start.space }, curve, bestStep: best.point.step }
}

/** The parts of a model that a method's permutations move: all of it, where the method names none. */
export function learnedComponents(
  steps: readonly { readonly matcher: { readonly component: Component } }[],
): Component[] {
  return steps.length === 0 ? ['ffn', 'attention', 'residual'] : steps.map(({ matcher }) => matcher.component)
}

async function takeStep(
  scores: PermutationScores,
  { a, objective, settings }: LearnedMatchingContext,
  step: number,
): Promise<number> {
  const { lambdaRange, seed } = settings
  const [from, to] = lambdaRange
  const lambda = from + (to - from) * randomStream(seed, 'lambda', step).uniform()
  const { loss, gradients } = objective.gradients(between(a, scores.moved, lambda), step)
  const bad = [...gradients].find(([, { data }]) => !data.every(Number.isFinite))?.[0]
  if (!Number.isFinite(loss) || bad !== undefined) {
    throw new UserError(
      `step ${step + 1} of learning at λ = ${lambda.toFixed(3)} has ` +
        `${bad === undefined ? `the loss ${loss}` : `a gradient by '${bad}' that is not finite`}: check that both models ` +
        'have finite losses on the text',
    )
  }
  await scores.descend({ lambda, gradients }, settings.learningRate * (1 - step / settings.steps))
  return loss
}

/** λ θ_A + (1 − λ) θ_B. */
function between(a: Weights, b: Weights, lambda: number): Map<string, Tensor> {
  return new Map([...a].map(([name, value]) => [name, lerp(value, b.get(name)!, lambda)]))
}

/** Scores of the pairs of each axis, the permutations that they stand for, and B as these move it. */
class PermutationScores {
  permutations: ReadonlyMap<string, Permutation>
  moved: Weights
  readonly #b: Weights
  readonly #axes: readonly PermutableAxis[]
  readonly #blocks: readonly AxisBlock[]
  readonly #scores: ReadonlyMap<string, Tensor>
  readonly #momentum: AxisMomentum
  readonly #product: MatrixProduct

  constructor({ permutations, space }: Alignment, { graph, b, components, product }: LearnedMatchingContext) {
    const group = alignmentSymmetries(graph, space)
    this.#b = b
    this.#axes = components.flatMap((component) => componentAxes(graph, group, component))
    this.#blocks = axisBlocks(graph, this.#axes)
    this.permutations = new Map(
      this.#axes.map(({ name, size }) => [name, permutations.get(name) ?? identityPermutation(size)]),
    )
    this.moved = this.#move()
    this.#scores = new Map([...this.permutations].map(([name, permutation]) => [name, matrixOf(permutation)]))
    this.#momentum = new AxisMomentum(this.#scores)
    this.#product = product
  }

  /** One step down the scores, and the permutations that are best by them then. */
  async descend(point: { readonly lambda: number; readonly gradients: Weights }, learningRate: number): Promise<void> {
    const gradients = new Map<string, Tensor>()
    for (const axis of this.#axes) {
      const permutation = this.permutations.get(axis.name)!
      const at = { ...point, moved: this.moved }
      gradients.set(axis.name, await permutationGradient(axis, permutation, at, this.#product))
    }
    this.#momentum.step(gradients, learningRate)
    this.permutations = new Map(
      this.#blocks.flatMap((block) => {
        const matched = matchBlock(
          block,
          block.map(({ name }) => this.#scores.get(name)!.data),
        )
        return block.map(({ name }, index) => [name, matched[index]!] as const)
      }),
    )
    this.moved = this.#move()
  }

  #move(): Weights {
    const moved = new Map(this.#b)
    for (const { name, members } of this.#axes) {
      for (const member of members) {
        const value = moved.get(member.parameter)!
        moved.set(member.parameter, moveMember(value, member, this.permutations.get(name)!))
      }
    }
    return moved
  }
}

/** P `[d, d]`, `P[i, π(i)] = 1`. */
function matrixOf(permutation: Permutation): Tensor {
  const size = permutation.length
  const data = new Float32Array(size * size)
  for (const [i, j] of permutation.entries()) data[i * size + j] = 1
  return { shape: [size, size], data }
}
