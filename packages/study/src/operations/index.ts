import type { AnyOperation } from '@isthmus/dataflow'
import { alignModels } from './align.ts'
import { alignModelWeights } from './align-weights.ts'
import { alignmentTokens } from './alignment-tokens.ts'
import { capture } from './capture.ts'
import { correlate, correlateStreamed } from './correlate.ts'
import { decodeImages } from './decode-images.ts'
import { evaluationBlocks, releasedCodeEvaluationBlocks } from './evaluation-blocks.ts'
import { gate } from './gate.ts'
import { interpolatedLoss, modelLoss } from './losses.ts'
import { nextTokenEvaluationBlocks } from './next-token-blocks.ts'

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
  gate,
  modelLoss,
  interpolatedLoss,
] as unknown as readonly AnyOperation[]

/** How often each operation runs a model over a whole text. */
export const textPasses: ReadonlyMap<string, number> = new Map([
  [capture.id, 1],
  [correlateStreamed.id, 2],
  [modelLoss.id, 1],
  [interpolatedLoss.id, 1],
])
