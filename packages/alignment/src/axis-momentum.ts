import type { Tensor } from '@isthmus/tensor'

/** β₁ and β₂, as Adam's. */
const betas = [0.9, 0.999] as const

/** What is left of the root of v where gradients are 0. */
const epsilon = 1e-12

/** Gradient descent on the scores of axes, by Adam with one second moment for an axis.
 *
 *      m ← β₁ m + (1 − β₁) G,   v ← β₂ v + (1 − β₂) mean(G²)
 *      Z ← Z − η (m / (1 − β₁ᵗ)) / (√(v / (1 − β₂ᵗ)) + ε)
 *
 *  Steps are of one size on axes of any width, in units of η, as Adam's. But Adam divides every entry by its own second
 *  moment, and so moves the many entries whose gradient is noise as far as the few that matter: which pairs of features to
 *  swap is told by how large entries are beside one another. Moments are f64, scores f32.
 *  @see Kingma & Ba (2015), Adam, algorithm 1; Zhang et al. (2024), Adam-mini, for moments of blocks.
 */
export class AxisMomentum {
  readonly #scores: ReadonlyMap<string, Tensor>
  readonly #first: ReadonlyMap<string, Float64Array>
  readonly #second = new Map<string, number>()
  #steps = 0

  /** @param scores Z of each axis, f32, by name: updated in place. */
  constructor(scores: ReadonlyMap<string, Tensor>) {
    this.#scores = scores
    this.#first = new Map([...scores].map(([name, { data }]) => [name, new Float64Array(data.length)]))
  }

  /** @param gradients G of every axis, of the shapes of the scores. */
  step(gradients: ReadonlyMap<string, Tensor>, learningRate: number): void {
    this.#steps += 1
    const [correction1, correction2] = betas.map((beta) => 1 - beta ** this.#steps) as [number, number]
    for (const [name, { data: scores }] of this.#scores) {
      const gradient = gradients.get(name)!.data
      const second = betas[1] * (this.#second.get(name) ?? 0) + (1 - betas[1]) * meanSquare(gradient)
      this.#second.set(name, second)
      const stepSize = learningRate / correction1 / (Math.sqrt(second / correction2) + epsilon)
      descend(scores, this.#first.get(name)!, gradient, stepSize)
    }
  }
}

function descend(scores: Float32Array, first: Float64Array, gradient: Float32Array, stepSize: number): void {
  for (let k = 0; k < scores.length; k++) {
    const moment = betas[0] * first[k]! + (1 - betas[0]) * gradient[k]!
    first[k] = moment
    scores[k] = scores[k]! - stepSize * moment
  }
}

function meanSquare(values: Float32Array): number {
  let sum = 0
  for (let k = 0; k < values.length; k++) sum += values[k]! ** 2
  return sum / values.length
}
