import { type CrossCorrelation, type FeatureSet, meanDiagonal } from '@isthmus/activations'
import {
  type Alignment,
  type AlignmentMethod,
  alignmentKeepsFunction,
  alignmentSymmetries,
  methodFeatureSets,
} from '@isthmus/alignment'
import type { InputArtifact, OperationContext } from '@isthmus/dataflow'
import { writeAlignment } from '@isthmus/merging'
import type { Graph, Symmetries, Tap } from '@isthmus/model'
import type { AlignmentValue, CorrelationsValue } from './artifacts.ts'
import { readCorrelations } from './correlations-file.ts'

/** The correlations that a method matches, by feature set, and the number of tokens that they are of. */
export interface MatchedFeatures {
  readonly correlation: (set: string) => CrossCorrelation
  /** Null where a method matches no features. */
  readonly tokens: number | null
}

/** Read the correlations of an alignment's inputs. */
export async function readMatchedFeatures(
  correlations: readonly InputArtifact<CorrelationsValue>[],
): Promise<MatchedFeatures> {
  const files = correlations.map(async (item) => ({
    path: await item.path('correlations'),
    constants: item.value.sets,
  }))
  return {
    correlation: await readCorrelations(await Promise.all(files)),
    tokens: correlations[0]?.value.tokens ?? null,
  }
}

/** Write an alignment to the blob `permutations`, and say what it is: whether it keeps the function, and how far it
 *  raises the correlations that it matched.
 *
 *  @throws {Error} when the method should keep the function, and the alignment does not.
 */
export async function recordAlignment(
  context: OperationContext,
  method: AlignmentMethod,
  graph: Graph,
  alignment: Alignment,
  { correlation, tokens }: MatchedFeatures,
  metadata: Readonly<Record<string, string>> = {},
): Promise<AlignmentValue> {
  const verdict = alignmentKeepsFunction(graph, alignment)
  const group = alignmentSymmetries(graph, method.space)
  if (method.symmetry === 'kept' && !verdict.kept) {
    throw new Error(`${method.name} should keep the function, but its permutations do not: ${verdict.reason}`)
  }
  await writeAlignment(await context.createBlob('permutations'), alignment, { method: method.name, ...metadata })
  return {
    method: method.name,
    symmetry: verdict.kept ? 'kept' : 'broken',
    reason: verdict.kept ? null : verdict.reason,
    tokens,
    correlations: methodFeatureSets(method, graph).map((set) =>
      diagonals(set, graph, group, correlation(set.name), alignment),
    ),
  }
}

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
