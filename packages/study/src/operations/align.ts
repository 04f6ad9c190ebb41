import { type CrossCorrelation, type FeatureSet, meanDiagonal } from '@isthmus/activations'
import {
  type Alignment,
  align,
  alignmentKeepsFunction,
  alignmentMethod,
  alignmentSymmetries,
  decoderOf,
  methodFeatureSets,
} from '@isthmus/alignment'
import { defineOperation, many, one } from '@isthmus/dataflow'
import { writeAlignment } from '@isthmus/merging'
import type { Graph, Symmetries, Tap } from '@isthmus/model'
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
    const method = alignmentMethod(params.method)
    await using opened = await openModel(model, { padding: false, decoder: decoderOf(method.space) })
    const { graph } = opened
    const correlation = await readCorrelations(
      await Promise.all(
        correlations.map(async (item) => ({ path: await item.path('correlations'), constants: item.value.sets })),
      ),
    )
    const alignment = align(method, { graph, correlation })
    const verdict = alignmentKeepsFunction(graph, alignment)
    const group = alignmentSymmetries(graph, method.space)
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
  const permutation = alignment.permutations.get(group.axisOfTap(tap.name)!.name) ?? null
  return {
    site: siteOf(set, tap),
    layer: tap.layer ?? -1,
    meanDiagonalBefore: meanDiagonal(matrix, rows, null),
    meanDiagonalAfter: meanDiagonal(matrix, rows, permutation),
  }
}

/** What a set's correlations are filed under: the tap's site, or what several taps are together. */
function siteOf(set: FeatureSet, tap: Tap): string {
  if (set.combine === 'meanCovariance') return `${tap.site}.all`
  if (set.taps.length > 1) return 'queryKey'
  return tap.site === 'residual' ? tap.name.replace(`.${tap.layer}`, '') : tap.site
}
