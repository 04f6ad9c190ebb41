import type { AnyOperation } from '@isthmus/dataflow'
import { alignModels } from './align.ts'
import { alignmentTokens } from './alignment-tokens.ts'
import { capture } from './capture.ts'
import { correlate, correlateStreamed } from './correlate.ts'
import { evaluationBlocks } from './evaluation-blocks.ts'
import { gate } from './gate.ts'
import { interpolatedLoss, modelLoss } from './losses.ts'

/** Every operation of a study: what a worker process can run. */
export const studyOperations = [
  alignmentTokens,
  evaluationBlocks,
  capture,
  correlate,
  correlateStreamed,
  alignModels,
  gate,
  modelLoss,
  interpolatedLoss,
] as unknown as readonly AnyOperation[]
