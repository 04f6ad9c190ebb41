import { correlateFeatures, type FeatureRows, type FeatureSet, featureRows, readCapture } from '@isthmus/activations'
import { paddedBatches, readTokenTable } from '@isthmus/corpus'
import { defineOperation, type InputArtifact, type OperationContext, one } from '@isthmus/dataflow'
import { readWeights } from '@isthmus/merging'
import { z } from 'zod'
import {
  captureArtifact,
  checkpointArtifact,
  correlationsArtifact,
  type EngineParam,
  engineParam,
  featureSetParam,
  tokensArtifact,
} from './artifacts.ts'
import { captureBatchTokens } from './capture.ts'
import { writeCorrelations } from './correlations-file.ts'
import { engineOf, openModel, programOf } from './runtime.ts'

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
  inputs: { a: one(checkpointArtifact), b: one(checkpointArtifact), tokens: one(tokensArtifact) },
  params,
  value: correlationsArtifact,
  async run(context, { a, b, tokens }, { sets, engine }) {
    const { lines } = await readTokenTable(await tokens.path('tokens'))
    const sequences = lines.map(({ ids }) => ids)
    const features = (model: InputArtifact) => modelFeatures(model, sequences, tapNames(sets), engine)
    return correlated(context, features(a), features(b), sets, engine, tokens.value.tokens)
  },
})

async function* modelFeatures(
  model: InputArtifact,
  sequences: readonly Int32Array[],
  names: readonly string[],
  engine: EngineParam,
): AsyncGenerator<FeatureRows> {
  await using opened = await openModel(model, { padding: true })
  const { read, graph } = opened
  const program = await programOf(engine, graph, names)
  const weights = await readWeights(read, program.parameters)
  const taps = graph.taps.filter(({ name }) => names.includes(name))
  yield* featureRows(program, weights, paddedBatches(sequences, { tokensPerBatch: captureBatchTokens }), taps)
}

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
