import { type FeatureRows, featureRows } from '@isthmus/activations'
import {
  type FeatureBatch,
  imageFeatureBatches,
  paddedBatches,
  readImageTable,
  readTaskTable,
  readTokenTable,
  taskBatches,
} from '@isthmus/corpus'
import type { InputArtifact } from '@isthmus/dataflow'
import { readWeights } from '@isthmus/merging'
import { type Graph, maxPositions } from '@isthmus/model'
import type { AlignmentSampleValue, EngineParam } from './artifacts.ts'
import { programOf, type RunningModel } from './runtime.ts'

/** Tokens or patches, padding included, that one forward pass reads features of: what bounds its memory. */
const batchTokens = 2048

/** Run an open model, built with padding, over the alignment sample and read its features at some taps. */
export async function* modelFeatures(
  { read, graph }: RunningModel,
  sample: InputArtifact<AlignmentSampleValue>,
  names: readonly string[],
  engine: EngineParam,
): AsyncGenerator<FeatureRows> {
  const program = await programOf(engine, graph, names)
  const weights = await readWeights(read, program.parameters)
  const taps = graph.taps.filter(({ name }) => names.includes(name))
  yield* featureRows(program, weights, await featureBatches(sample, graph), taps)
}

/** How many rows of features a sample gives: one a token, or one a position of every image. */
export function sampleRows(sample: AlignmentSampleValue, graph: Graph): number {
  return 'images' in sample ? sample.images * maxPositions(graph) : sample.tokens
}

async function featureBatches(
  sample: InputArtifact<AlignmentSampleValue>,
  graph: Graph,
): Promise<Iterable<FeatureBatch>> {
  if ('images' in sample.value) {
    const positions = maxPositions(graph)
    const batchSize = Math.max(1, Math.floor(batchTokens / positions))
    return imageFeatureBatches(await readImageTable(await sample.path('images')), { batchSize, positions })
  }
  if ('task' in sample.value) {
    return taskBatches(await readTaskTable(await sample.path('task')), { tokensPerBatch: batchTokens })
  }
  const { lines } = await readTokenTable(await sample.path('tokens'))
  return paddedBatches(
    lines.map(({ ids }) => ids),
    { tokensPerBatch: batchTokens },
  )
}
