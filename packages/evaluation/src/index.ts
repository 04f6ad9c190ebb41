export { accuracy } from './accuracy.ts'
export { blockLosses } from './block-losses.ts'
export {
  type BarrierEstimate,
  type CurveLosses,
  type EstimateBarrierOptions,
  type EstimatedPoint,
  estimateBarrier,
} from './estimate-barrier.ts'
export { evaluateTask, type TaskEvaluation } from './evaluate-task.ts'
export { evaluationLoss, type Loss } from './evaluation-loss.ts'
export { f1Score } from './f1-score.ts'
export { type CurvePoint, type LossBarrier, lossBarrier } from './loss-barrier.ts'
export { matthewsCorrelation } from './matthews-correlation.ts'
export type { Values } from './paired-values.ts'
export { pearsonCorrelation } from './pearson-correlation.ts'
export { spearmanCorrelation } from './spearman-correlation.ts'
export { metrics, predictionsOf, taskScores } from './task-scores.ts'
