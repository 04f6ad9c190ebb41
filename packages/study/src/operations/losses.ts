import { defineOperation, type InputArtifact, type OperationContext, one } from '@isthmus/dataflow'
import type { Program, Weights } from '@isthmus/engine'
import { evaluationLoss } from '@isthmus/evaluation'
import { applyAlignment, interpolate, readAlignment, readWeights } from '@isthmus/merging'
import { z } from 'zod'
import {
  alignmentArtifact,
  checkpointArtifact,
  decoderParam,
  type EvaluationSetValue,
  engineParam,
  evaluationSetArtifact,
  lossArtifact,
} from './artifacts.ts'
import { evaluationBatches } from './evaluation-batches.ts'
import { openModel, programOf } from './runtime.ts'

/** The loss of one model, whatever its objective: an endpoint of every curve that the model is on.
 *
 *  `blocks`, here and below, is any evaluation set; the input's name is part of the keys of what has been computed.
 */
export const modelLoss = defineOperation({
  id: 'evaluation.model-loss',
  version: 1,
  inputs: { model: one(checkpointArtifact), blocks: one(evaluationSetArtifact) },
  params: z.object({ engine: engineParam }),
  value: lossArtifact,
  async run(context, { model, blocks }, { engine }) {
    await using opened = await openModel(model, { padding: false })
    const { read, graph } = opened
    const program = await programOf(engine, graph, ['negativeLogLikelihood'])
    const weights = await readWeights(read, program.parameters)
    return lossOn(context, program, weights, blocks)
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
    blocks: one(evaluationSetArtifact),
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
    return lossOn(context, program, weights, blocks)
  },
})

async function lossOn(
  context: OperationContext,
  program: Program,
  weights: Weights,
  set: InputArtifact<EvaluationSetValue>,
) {
  const { batches, total } = await evaluationBatches(set)
  return evaluationLoss(program, weights, batches, (done) => context.progress(done, total))
}
