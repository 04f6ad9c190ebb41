import { writeCapture } from '@isthmus/activations'
import { defineOperation, one } from '@isthmus/dataflow'
import { z } from 'zod'
import { alignmentSampleArtifact, captureArtifact, checkpointArtifact, engineParam } from './artifacts.ts'
import { modelFeatures, sampleRows } from './model-features.ts'
import { openModel } from './runtime.ts'

/** Run one model over the alignment sample, tokens or images, and keep its features at some taps. */
export const capture = defineOperation({
  id: 'activations.capture',
  version: 1,
  inputs: { model: one(checkpointArtifact), tokens: one(alignmentSampleArtifact) },
  params: z.object({ taps: z.array(z.string()), type: z.enum(['float32', 'float16']), engine: engineParam }),
  value: captureArtifact,
  async run(context, { model, tokens }, { taps: names, type, engine }) {
    await using opened = await openModel(model, { padding: true })
    const total = sampleRows(tokens.value, opened.graph)
    const rows = await writeCapture(
      await context.createBlob('features'),
      modelFeatures(opened, tokens, names, engine),
      opened.graph.taps.filter(({ name }) => names.includes(name)),
      type,
      (count) => context.progress(count, total),
    )
    return { rows }
  },
})
