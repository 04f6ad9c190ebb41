import { type FeatureRows, featureRows } from '@isthmus/activations'
import { paddedBatches, readTokenTable } from '@isthmus/corpus'
import type { InputArtifact } from '@isthmus/dataflow'
import { readWeights } from '@isthmus/merging'
import type { EngineParam } from './artifacts.ts'
import { programOf, type RunningModel } from './runtime.ts'

/** Tokens, padding included, that one forward pass reads features of: what bounds its memory. */
const batchTokens = 2048

/** Run an open model, built with padding, over the alignment tokens and read its features at some taps. */
export async function* modelFeatures(
  { read, graph }: RunningModel,
  tokens: InputArtifact,
  names: readonly string[],
  engine: EngineParam,
): AsyncGenerator<FeatureRows> {
  const program = await programOf(engine, graph, names)
  const weights = await readWeights(read, program.parameters)
  const { lines } = await readTokenTable(await tokens.path('tokens'))
  const batches = paddedBatches(
    lines.map(({ ids }) => ids),
    { tokensPerBatch: batchTokens },
  )
  const taps = graph.taps.filter(({ name }) => names.includes(name))
  yield* featureRows(program, weights, batches, taps)
}
