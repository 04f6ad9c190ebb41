import { defineOperation, type InputArtifact, type OperationContext, one } from '@isthmus/dataflow'
import { evaluationLoss } from '@isthmus/evaluation'
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
import { interpolatedModel, type RunnableModel, wholeModel } from './runnable-model.ts'

const outputs = ['negativeLogLikelihood']

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
    return lossOn(context, await wholeModel(model, { padding: false, outputs, engine }), blocks)
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
  async run(context, { blocks, ...models }, params) {
    return lossOn(context, await interpolatedModel(models, { ...params, padding: false, outputs }), blocks)
  },
})

async function lossOn(
  context: OperationContext,
  { program, weights }: RunnableModel,
  set: InputArtifact<EvaluationSetValue>,
) {
  const { batches, total } = await evaluationBatches(set)
  return evaluationLoss(program, weights, batches, (done) => context.progress(done, total))
}
