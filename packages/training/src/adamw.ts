import { ShapeError, type Tensor } from '@isthmus/tensor'
import type { TrainingRecipe } from './training-recipe.ts'

/** The moving averages of one parameter's gradient, and of its square. */
export interface GradientMoments {
  readonly first: Float32Array
  readonly second: Float32Array
}

/** Adam with decoupled weight decay.
 *
 *      θ ← θ − η w θ                                     matrices only
 *      m ← β₁ m + (1 − β₁) g,   v ← β₂ v + (1 − β₂) g²
 *      θ ← θ − η (m / (1 − β₁ᵗ)) / (√(v / (1 − β₂ᵗ)) + ε)
 *
 *  As PyTorch's, with the decay left off vectors: biases, and the gains of norms. Weights and moments are f32, each update
 *  is computed in f64, in plain loops over the arrays: the same bits on every machine, and a state that is its arrays. On
 *  TensorFlow.js the dozen kernels of an update would take longer, since each passes over memory.
 *  @see Loshchilov & Hutter (2019), Decoupled Weight Decay Regularization, algorithm 2.
 */
export class AdamW {
  /** By the parameters' names. */
  readonly moments: ReadonlyMap<string, GradientMoments>
  readonly #parameters: ReadonlyMap<string, Tensor>
  readonly #settings: Pick<TrainingRecipe, 'betas' | 'epsilon' | 'weightDecay'>
  #steps: number

  /** @param parameters f32, by name: updated in place.
   *  @param resumed Where an earlier optimiser was: its moments, which are taken over, and the updates it had made.
   */
  constructor(
    parameters: ReadonlyMap<string, Tensor>,
    settings: Pick<TrainingRecipe, 'betas' | 'epsilon' | 'weightDecay'>,
    resumed?: { readonly moments: ReadonlyMap<string, GradientMoments>; readonly steps: number },
  ) {
    this.#parameters = parameters
    this.#settings = settings
    this.#steps = resumed?.steps ?? 0
    this.moments =
      resumed?.moments ??
      new Map(
        [...parameters].map(([name, { data }]) => [
          name,
          { first: new Float32Array(data.length), second: new Float32Array(data.length) },
        ]),
      )
  }

  /** Update every parameter once.
   *
   *  @param gradients Of the parameters' shapes, by name.
   *  @param gradientScale What gradients are multiplied by first, where they were clipped.
   *  @throws {ShapeError} naming a parameter whose gradient is missing or has another size.
   */
  step(gradients: ReadonlyMap<string, Tensor>, learningRate: number, gradientScale = 1): void {
    this.#steps += 1
    const { betas, weightDecay } = this.#settings
    const [correction1, correction2] = betas.map((beta) => 1 - beta ** this.#steps) as [number, number]
    for (const [name, { data, shape }] of this.#parameters) {
      const gradient = gradients.get(name)?.data
      if (gradient?.length !== data.length) {
        throw new ShapeError(
          `the gradient of '${name}' must have the ${data.length} elements of [${shape.join(', ')}], found ` +
            `${gradient === undefined ? 'none' : gradient.length}`,
        )
      }
      this.#update(data, gradient, this.moments.get(name)!, {
        gradientScale,
        keep: shape.length > 1 ? 1 - learningRate * weightDecay : 1,
        stepSize: learningRate / correction1,
        secondCorrection: Math.sqrt(correction2),
      })
    }
  }

  #update(
    data: Float32Array,
    gradient: Float32Array,
    { first, second }: GradientMoments,
    { gradientScale, keep, stepSize, secondCorrection }: UpdateFactors,
  ): void {
    const [beta1, beta2] = this.#settings.betas
    const { epsilon } = this.#settings
    for (let i = 0; i < data.length; i++) {
      const g = gradient[i]! * gradientScale
      const m = beta1 * first[i]! + (1 - beta1) * g
      const v = beta2 * second[i]! + (1 - beta2) * g * g
      first[i] = m
      second[i] = v
      data[i] = data[i]! * keep - (stepSize * m) / (Math.sqrt(v) / secondCorrection + epsilon)
    }
  }
}

interface UpdateFactors {
  readonly gradientScale: number
  readonly keep: number
  readonly stepSize: number
  readonly secondCorrection: number
}
