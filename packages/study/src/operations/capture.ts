import { featureRows, writeCapture } from '@isthmus/activations'
import { paddedBatches, readTokenTable } from '@isthmus/corpus'
import { defineOperation, one } from '@isthmus/dataflow'
import { readWeights } from '@isthmus/merging'
import { z } from 'zod'
import { captureArtifact, checkpointArtifact, engineParam, tokensArtifact } from './artifacts.ts'
import { openModel, programOf } from './runtime.ts'

/** Tokens, padding included, that one forward pass reads features of: what bounds its memory. */
export const captureBatchTokens = 2048

/** Run one model over the alignment tokens and keep its features at some taps. */
export const capture = defineOperation({
  id: 'activations.capture',
  version: 1,
  inputs: { model: one(checkpointArtifact), tokens: one(tokensArtifact) },
  params: z.object({ taps: z.array(z.string()), type: z.enum(['float32', 'float16']), engine: engineParam }),
  value: captureArtifact,
  async run(context, { model, tokens }, { taps: names, type, engine }) {
    await using opened = await openModel(model, { padding: true })
    const { read, graph } = opened
    const program = await programOf(engine, graph, names)
    const weights = await readWeights(read, program.parameters)
    const { lines } = await readTokenTable(await tokens.path('tokens'))
    const batches = paddedBatches(
      lines.map(({ ids }) => ids),
      { tokensPerBatch: captureBatchTokens },
    )
    const taps = graph.taps.filter(({ name }) => names.includes(name))
    const rows = await writeCapture(
      await context.createBlob('features'),
      featureRows(program, weights, batches, taps),
      taps,
      type,
      (count) => context.progress(count, tokens.value.tokens),
    )
    return { rows }
  },
})
