import { blockBatches, readMaskedBlocks } from '@isthmus/corpus'
import { defineOperation, type InputArtifact, type OperationContext, one } from '@isthmus/dataflow'
import type { Program, Weights } from '@isthmus/engine'
import { maskedLanguageModelLoss } from '@isthmus/evaluation'
import { applyAlignment, interpolate, readAlignment, readWeights } from '@isthmus/merging'
import { z } from 'zod'
import {
  alignmentArtifact,
  blocksArtifact,
  checkpointArtifact,
  decoderParam,
  engineParam,
  lossArtifact,
} from './artifacts.ts'
import { openModel, programOf } from './runtime.ts'

/** Blocks in one forward pass: enough for the matrix products to be large, few enough to stay in the cache. */
const batchSize = 16

/** The loss of one model: an endpoint of every curve that the model is on. */
export const modelLoss = defineOperation({
  id: 'evaluation.model-loss',
  version: 1,
  inputs: { model: one(checkpointArtifact), blocks: one(blocksArtifact) },
  params: z.object({ engine: engineParam }),
  value: lossArtifact,
  async run(context, { model, blocks }, { engine }) {
    await using opened = await openModel(model, { padding: false })
    const { read, graph } = opened
    const program = await programOf(engine, graph, ['negativeLogLikelihood'])
    const weights = await readWeights(read, program.parameters)
    return lossOnBlocks(context, program, weights, blocks)
  },
})

/** The loss of λ θ_A + (1 − λ) θ_B', one point of a curve. */
export const interpolatedLoss = defineOperation({
  id: 'evaluation.interpolated-loss',
  version: 1,
  inputs: {
    a: one(checkpointArtifact),
    b: one(checkpointArtifact),
    alignment: one(alignmentArtifact),
    blocks: one(blocksArtifact),
  },
  params: z.object({ lambda: z.number(), decoder: decoderParam, engine: engineParam }),
  value: lossArtifact,
  async run(context, { a, b, alignment, blocks }, { lambda, decoder, engine }) {
    await using modelA = await openModel(a, { padding: false, decoder })
    await using modelB = await openModel(b, { padding: false, decoder })
    const { graph } = modelA
    const program = await programOf(engine, graph, ['negativeLogLikelihood'])
    const permutations = await readAlignment(await alignment.path('permutations'))
    const weights = await interpolate(
      modelA.read,
      applyAlignment(modelB.read, graph, permutations),
      lambda,
      program.parameters,
    )
    return lossOnBlocks(context, program, weights, blocks)
  },
})

async function lossOnBlocks(
  context: OperationContext,
  program: Program,
  weights: Weights,
  blocks: InputArtifact<z.infer<typeof blocksArtifact>>,
) {
  const masked = await readMaskedBlocks(await blocks.path('blocks'))
  const total = Math.ceil(blocks.value.blocks / batchSize)
  return maskedLanguageModelLoss(program, weights, blockBatches(masked, batchSize), (done) =>
    context.progress(done, total),
  )
}
