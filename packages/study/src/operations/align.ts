import { align, alignmentMethod, decoderOf } from '@isthmus/alignment'
import { defineOperation, many, one } from '@isthmus/dataflow'
import { z } from 'zod'
import { alignmentArtifact, checkpointArtifact, correlationsArtifact } from './artifacts.ts'
import { readMatchedFeatures, recordAlignment } from './record-alignment.ts'
import { openModel } from './runtime.ts'

/** Choose the permutations of a method from the correlations of its features. */
export const alignModels = defineOperation({
  id: 'alignment.align',
  version: 1,
  inputs: { model: one(checkpointArtifact), correlations: many(correlationsArtifact) },
  params: z.object({ method: z.string() }),
  value: alignmentArtifact,
  async run(context, { model, correlations }, params) {
    const method = alignmentMethod(params.method)
    await using opened = await openModel(model, { padding: false, decoder: decoderOf(method.space) })
    const { graph } = opened
    const features = await readMatchedFeatures(correlations)
    const alignment = align(method, { graph, correlation: features.correlation })
    return recordAlignment(context, method, graph, alignment, features)
  },
})
