import { defineOperation, one } from '@isthmus/dataflow'
import { applyAlignment, equivalenceGate, probeBatch, readAlignment } from '@isthmus/merging'
import { z } from 'zod'
import { alignmentArtifact, checkpointArtifact, decoderParam, engineParam, gateArtifact } from './artifacts.ts'
import { openModel, programOf } from './runtime.ts'

/** Measure on a probe batch whether an alignment keeps B's function; one that must and does not is an error. */
export const gate = defineOperation({
  id: 'merging.equivalence-gate',
  version: 1,
  inputs: { model: one(checkpointArtifact), alignment: one(alignmentArtifact) },
  params: z.object({ decoder: decoderParam, engine: engineParam }),
  value: gateArtifact,
  async run(_context, { model, alignment }, { decoder, engine }) {
    await using opened = await openModel(model, { padding: false, decoder })
    const { read, graph } = opened
    const program = await programOf(engine, graph, ['logits'])
    const permutations = await readAlignment(await alignment.path('permutations'))
    const aligned = applyAlignment(read, graph, permutations)
    const result = await equivalenceGate(program, read, aligned, probeBatch(graph))
    if (alignment.value.symmetry === 'kept' && !result.passed) {
      throw new Error(
        `the equivalence gate failed: ${alignment.value.method} moved logits by ${result.maxAbsLogitDifference}, ` +
          `where at most ${result.tolerance} is rounding; its permutations lie in the symmetry group, so this is a bug`,
      )
    }
    return result
  },
})
