import { type CrossCorrelation, type FeatureSet, meanDiagonal } from '@isthmus/activations'
import { type Alignment, align, alignmentMethod, methodFeatureSets } from '@isthmus/alignment'
import { defineOperation, many, one } from '@isthmus/dataflow'
import { writeAlignment } from '@isthmus/merging'
import { type Graph, keepsFunction, type Symmetries, symmetries } from '@isthmus/model'
import { z } from 'zod'
import { alignmentArtifact, checkpointArtifact, correlationsArtifact } from './artifacts.ts'
import { readCorrelations } from './correlations-file.ts'
import { openModel } from './runtime.ts'

/** Choose the permutations of a method from the correlations of its features. */
export const alignModels = defineOperation({
  id: 'alignment.align',
  version: 1,
  inputs: { model: one(checkpointArtifact), correlations: many(correlationsArtifact) },
  params: z.object({ method: z.string() }),
  value: alignmentArtifact,
  async run(context, { model, correlations }, params) {
    await using opened = await openModel(model, { padding: false })
    const { graph } = opened
    const group = symmetries(graph)
    const correlation = await readCorrelations(
      await Promise.all(
        correlations.map(async (item) => ({ path: await item.path('correlations'), constants: item.value.sets })),
      ),
    )
    const method = alignmentMethod(params.method)
    const alignment = align(method, { graph, symmetries: group, correlation })
    const verdict = keepsFunction(group, alignment)
    if (method.symmetry === 'kept' && !verdict.kept) {
      throw new Error(`${method.name} should keep the function, but its permutations do not: ${verdict.reason}`)
    }
    await writeAlignment(await context.createBlob('permutations'), alignment, { method: method.name })
    return {
      method: method.name,
      symmetry: verdict.kept ? ('kept' as const) : ('broken' as const),
      reason: verdict.kept ? null : verdict.reason,
      tokens: correlations[0]?.value.tokens ?? null,
      correlations: methodFeatureSets(method, graph).map((set) =>
        diagonals(set, graph, group, correlation(set.name), alignment),
      ),
    }
  },
})

function diagonals(
  set: FeatureSet,
  graph: Graph,
  group: Symmetries,
  { matrix, rows }: CrossCorrelation,
  alignment: Alignment,
) {
  const tap = graph.taps.find(({ name }) => name === set.taps[0])!
  const permutation = alignment.get(group.axisOfTap(tap.name)!.name) ?? null
  return {
    site: set.taps.length === 1 ? tap.site : 'queryKey',
    layer: tap.layer ?? -1,
    meanDiagonalBefore: meanDiagonal(matrix, rows, null),
    meanDiagonalAfter: meanDiagonal(matrix, rows, permutation),
  }
}
