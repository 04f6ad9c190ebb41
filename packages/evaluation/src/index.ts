export { evaluationLoss, type Loss } from './evaluation-loss.ts'
export { type CurvePoint, type LossBarrier, lossBarrier } from './loss-barrier.ts'
