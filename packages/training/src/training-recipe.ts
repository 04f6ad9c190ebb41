import { z } from 'zod'

const betas = z.tuple([z.number().min(0).lt(1), z.number().min(0).lt(1)])

/** How a model is trained: the schedule of the learning rate, AdamW, what is clipped and dropped out, and the seed. */
export const trainingRecipe = z.strictObject({
  /** Updates of the weights. */
  steps: z.int().positive(),
  /** The highest, reached at the end of the warm-up. */
  learningRate: z.number().positive(),
  /** Steps over which the learning rate rises linearly. */
  warmupSteps: z.int().nonnegative(),
  /** To which the learning rate then falls linearly by the last step, as a part of the highest. */
  finalLearningRate: z.number().min(0).max(1),
  betas,
  epsilon: z.number().positive(),
  weightDecay: z.number().nonnegative(),
  /** Gradients of a larger norm, over all parameters, are scaled down to it; null: never. */
  maxGradientNorm: z.number().positive().nullable(),
  /** The probability with which a value is dropped, wherever transformers drop. */
  dropout: z.number().min(0).lt(1),
  /** Of what is dropped. */
  seed: z.int().nonnegative(),
})

export type TrainingRecipe = z.infer<typeof trainingRecipe>

/** The learning rate η_t of a step, counted from 0, of T steps with w of warm-up:
 *
 *      t < w:  η (t + 1) / w
 *      t ≥ w:  η (1 − (1 − f) (t − w) / (T − w))
 */
export function learningRateAt(
  step: number,
  { steps, learningRate, warmupSteps, finalLearningRate }: TrainingRecipe,
): number {
  if (step < warmupSteps) return (learningRate * (step + 1)) / warmupSteps
  return learningRate * (1 - ((1 - finalLearningRate) * (step - warmupSteps)) / (steps - warmupSteps))
}
