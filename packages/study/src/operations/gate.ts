import { defineOperation, one } from '@isthmus/dataflow'
import { applyAlignment, equivalenceGate, probeBatch, readAlignment } from '@isthmus/merging'
import { symmetries } from '@isthmus/model'
import { z } from 'zod'
import { alignmentArtifact, checkpointArtifact, engineParam, gateArtifact } from './artifacts.ts'
import { openModel, programOf } from './runtime.ts'

/** Measure on a probe batch whether an alignment keeps B's function; one that must and does not is an error. */
export const gate = defineOperation({
  id: 'merging.equivalence-gate',
  version: 1,
  inputs: { model: one(checkpointArtifact), alignment: one(alignmentArtifact) },
  params: z.object({ engine: engineParam }),
  value: gateArtifact,
  async run(_context, { model, alignment }, { engine }) {
    await using opened = await openModel(model, { padding: false })
    const { checkpoint, graph } = opened
    const program = await programOf(engine, graph, ['logits'])
    const read = (name: string) => checkpoint.read(name)
    const permutations = await readAlignment(await alignment.path('permutations'))
    const aligned = applyAlignment(read, symmetries(graph), permutations)
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
