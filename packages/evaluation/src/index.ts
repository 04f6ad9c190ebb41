export { type CurvePoint, type LossBarrier, lossBarrier } from './loss-barrier.ts'
export { type Loss, maskedLanguageModelLoss } from './masked-language-model-loss.ts'
