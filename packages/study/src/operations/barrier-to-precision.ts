import { defineOperation, one } from '@isthmus/dataflow'
import type { Weights } from '@isthmus/engine'
import { blockLosses, estimateBarrier } from '@isthmus/evaluation'
import { z } from 'zod'
import {
  alignmentArtifact,
  barrierEstimateArtifact,
  checkpointArtifact,
  decoderParam,
  engineParam,
  evaluationSetArtifact,
} from './artifacts.ts'
import { drawnBlocks } from './drawn-blocks.ts'
import { knownLosses } from './known-losses.ts'
import { interpolatedModel, type RunnableModel, wholeModel } from './runnable-model.ts'

const outputs = ['negativeLogLikelihood']

/** In nats: what a mean of losses in f32 differs by at most when blocks are batched otherwise. */
const rounding = 1e-5

/** The barrier between A and B' from as few blocks as a precision needs, with the losses along the line.
 *
 *  λ = 1 is A, and λ = 0 is B where the alignment keeps the function. All curves draw the blocks in one order.
 */
export const barrierToPrecision = defineOperation({
  id: 'evaluation.barrier-to-precision',
  version: 1,
  inputs: {
    a: one(checkpointArtifact),
    b: one(checkpointArtifact),
    alignment: one(alignmentArtifact),
    blocks: one(evaluationSetArtifact),
  },
  params: z.object({
    lambdas: z.array(z.number()),
    precision: z.number(),
    confidence: z.number(),
    /** Of the order of the blocks. */
    seed: z.int(),
    decoder: decoderParam,
    engine: engineParam,
  }),
  value: barrierEstimateArtifact,
  async run(context, { blocks, ...models }, { lambdas, precision, confidence, seed, decoder, engine }) {
    const drawn = await drawnBlocks(blocks, seed)
    const blocksInAll = drawn.predictions.length
    const lossesOf = ({ program, weights }: RunnableModel, from: number, to: number) =>
      blockLosses(program, weights, drawn.batches(from, to), drawn.predictions.subarray(from, to))
    const options = { padding: false, outputs, engine }
    const end = (model: typeof models.a, from: number, to: number) =>
      knownLosses({ model: model.digest, blocks: blocks.digest, seed, engine }, from, to, async (first, last) =>
        lossesOf(await wholeModel(model, options), first, last),
      )
    let into: Weights | undefined
    const losses = async (lambda: number, from: number, to: number) => {
      if (lambda === 1) return end(models.a, from, to)
      if (lambda === 0 && models.alignment.value.symmetry === 'kept') return end(models.b, from, to)
      const model = await interpolatedModel(models, { ...options, lambda, decoder, into })
      into = model.weights
      return lossesOf(model, from, to)
    }
    const curve = { lambdas, predictions: drawn.predictions, losses }
    const onLook = (done: number) => context.progress(done, blocksInAll)
    const estimate = await estimateBarrier(curve, { precision, confidence, rounding, onLook })
    return {
      ...estimate,
      points: [...estimate.points],
      blocksInAll,
      tokens: drawn.tokens * estimate.points.reduce((sum, point) => sum + point.blocks, 0),
      tokensInAll: drawn.tokens * blocksInAll * lambdas.length,
    }
  },
})
