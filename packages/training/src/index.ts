export { AdamW, type GradientMoments } from './adamw.ts'
export { classifierConfig } from './classifier-config.ts'
export { clippingScale, gradientNorm } from './clip-gradients.ts'
export { type Differentiator, type LossGradients, type LossOptions, openDifferentiator } from './differentiator.ts'
export { dropoutMask } from './dropout-mask.ts'
export { headParameters } from './head-parameters.ts'
export { initialParameters } from './initial-parameters.ts'
export { bertInitialization, type Initialization, initialization, localInitialization } from './initialization.ts'
export { type LossBatch, lossOverBatches } from './loss-over-batches.ts'
export { assertPhasesFit, type PretrainingOptions, pretrainingBatches } from './pretraining-batches.ts'
export {
  type PretrainingPhase,
  phasesWithin,
  pretrainingPhase,
  type ScheduledPhase,
  scheduledPhase,
} from './pretraining-phases.ts'
export { type ShuffledRows, shuffledRows } from './shuffled-rows.ts'
export { type TrainedModel, type TrainingBatch, type TrainingOptions, train } from './train.ts'
export { type TrainingCurvePoint, trainingCurvePoint } from './training-curve.ts'
export { learningRateAt, type TrainingRecipe, trainingRecipe } from './training-recipe.ts'
export { readTrainingState, type TrainingState, writeTrainingState } from './training-state.ts'
