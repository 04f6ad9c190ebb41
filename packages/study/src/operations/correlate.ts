import { correlateFeatures, type FeatureRows, type FeatureSet, readCapture } from '@isthmus/activations'
import { defineOperation, type OperationContext, one } from '@isthmus/dataflow'
import { z } from 'zod'
import {
  alignmentSampleArtifact,
  captureArtifact,
  checkpointArtifact,
  correlationsArtifact,
  type EngineParam,
  engineParam,
  featureSetParam,
} from './artifacts.ts'
import { writeCorrelations } from './correlations-file.ts'
import { modelFeatures, sampleRows } from './model-features.ts'
import { engineOf, openModel, type RunningModel } from './runtime.ts'

const params = z.object({ sets: z.array(featureSetParam), engine: engineParam })

/** Correlate two models' features from their captures. */
export const correlate = defineOperation({
  id: 'activations.correlate',
  version: 1,
  inputs: { a: one(captureArtifact), b: one(captureArtifact) },
  params,
  value: correlationsArtifact,
  async run(context, { a, b }, { sets, engine }) {
    const taps = tapNames(sets)
    const [left, right] = [await a.path('features'), await b.path('features')]
    return correlated(context, readCapture(left, taps), readCapture(right, taps), sets, engine, a.value.rows)
  },
})

/** Correlate two models' features by running both side by side, where captures would be too large to keep. */
export const correlateStreamed = defineOperation({
  id: 'activations.correlate-streamed',
  version: 1,
  inputs: { a: one(checkpointArtifact), b: one(checkpointArtifact), tokens: one(alignmentSampleArtifact) },
  params,
  value: correlationsArtifact,
  async run(context, { a, b, tokens }, { sets, engine }) {
    await using modelA = await openModel(a, { padding: true })
    await using modelB = await openModel(b, { padding: true })
    const features = (model: RunningModel) => modelFeatures(model, tokens, tapNames(sets), engine)
    const total = sampleRows(tokens.value, modelA.graph)
    return await correlated(context, features(modelA), features(modelB), sets, engine, total)
  },
})

async function correlated(
  context: OperationContext,
  a: AsyncIterable<FeatureRows>,
  b: AsyncIterable<FeatureRows>,
  sets: readonly FeatureSet[],
  engine: EngineParam,
  total: number,
): Promise<z.infer<typeof correlationsArtifact>> {
  let tokens = 0
  const moments = await correlateFeatures(await engineOf(engine), a, b, sets, (count) => {
    tokens = count
    context.progress(count, total)
  })
  return { tokens, sets: await writeCorrelations(await context.createBlob('correlations'), moments) }
}

function tapNames(sets: readonly FeatureSet[]): string[] {
  return [...new Set(sets.flatMap(({ taps }) => taps))]
}
