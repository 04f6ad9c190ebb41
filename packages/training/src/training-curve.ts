import { z } from 'zod'

/** One point of a training's curve. */
export const trainingCurvePoint = z.object({
  /** Updates made by then. */
  step: z.int(),
  /** Mean of the steps' losses since the point before. */
  loss: z.number(),
  /** Of the last of these steps. */
  learningRate: z.number(),
  /** On data that is not trained on; null where it was not taken. */
  validationLoss: z.number().nullable(),
})

export type TrainingCurvePoint = z.infer<typeof trainingCurvePoint>
