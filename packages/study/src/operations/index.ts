import type { AnyOperation } from '@isthmus/dataflow'
import { alignModels } from './align.ts'
import { alignModelWeights } from './align-weights.ts'
import { alignmentTokens } from './alignment-tokens.ts'
import { barrierToPrecision } from './barrier-to-precision.ts'
import { capture } from './capture.ts'
import { correlate, correlateStreamed } from './correlate.ts'
import { decodeImages } from './decode-images.ts'
import { encodeTaskSplit } from './encode-task.ts'
import { interpolatedTask, modelTask } from './evaluate-task.ts'
import { evaluationBlocks, releasedCodeEvaluationBlocks } from './evaluation-blocks.ts'
import { fineTune } from './fine-tune.ts'
import { gate } from './gate.ts'
import { learnAlignment } from './learn-alignment.ts'
import { learningBlocks } from './learning-blocks.ts'
import { interpolatedLoss, modelLoss } from './losses.ts'
import { nextTokenEvaluationBlocks } from './next-token-blocks.ts'
import { pretrain } from './pretrain.ts'
import { sampleTask } from './sample-task.ts'
import { stepSeconds } from './step-seconds.ts'
import { trainingTokens } from './token-stream.ts'

/** Every operation of a study: what a worker process can run. */
export const studyOperations = [
  alignmentTokens,
  evaluationBlocks,
  releasedCodeEvaluationBlocks,
  nextTokenEvaluationBlocks,
  decodeImages,
  capture,
  correlate,
  correlateStreamed,
  alignModels,
  alignModelWeights,
  learningBlocks,
  learnAlignment,
  gate,
  modelLoss,
  interpolatedLoss,
  barrierToPrecision,
  encodeTaskSplit,
  sampleTask,
  fineTune,
  modelTask,
  interpolatedTask,
  trainingTokens,
  stepSeconds,
  pretrain,
] as unknown as readonly AnyOperation[]

/** How often each operation runs a model over a whole text. */
export const textPasses: ReadonlyMap<string, number> = new Map([
  [capture.id, 1],
  [correlateStreamed.id, 2],
  [modelLoss.id, 1],
  [interpolatedLoss.id, 1],
  [modelTask.id, 1],
  [interpolatedTask.id, 1],
])
