import type { CrossCorrelation, FeatureSet } from '@isthmus/activations'
import type { Graph, PermutableAxis } from '@isthmus/model'
import type { Permutation } from '@isthmus/tensor'
import type { MatcherOptions, MatchingContext } from './alignment-method.ts'
import { type HeadMatching, headPermutation, matchHeads, matchInsideHeads } from './match-heads.ts'

/** One attention layer: its composite axes, and the correlations of its features. */
export interface AttentionLayer {
  readonly numHeads: number
  /** The axis of value and context. */
  readonly context: PermutableAxis
  /** The axis of query and key. */
  readonly queryKey: PermutableAxis
  readonly contextCorrelation: CrossCorrelation
  /** Of query's and key's features pooled as one set of 2n rows. */
  queryKeyCorrelation(): CrossCorrelation
}

/** The feature sets of all attention layers: the contexts, and with `separateQueryKey` query and key pooled. */
export function attentionFeatureSets(graph: Graph, { separateQueryKey }: MatcherOptions): FeatureSet[] {
  return graph.taps
    .filter(({ site }) => site === 'attention')
    .flatMap(({ name, layer, width }) => {
      const context = { name, taps: [name], width }
      if (!separateQueryKey) return [context]
      const query = graph.taps.find((tap) => tap.site === 'query' && tap.layer === layer)!
      return [context, { name: queryKeySet(layer), taps: [query.name, `key.${layer}`], width: query.width }]
    })
}

/** The attention layers of a graph, in order. */
export function attentionLayers({ graph, symmetries, correlation }: MatchingContext): AttentionLayer[] {
  return graph.taps
    .filter(({ site }) => site === 'attention')
    .map(({ name, layer }) => {
      const context = symmetries.axisOfTap(name)!
      return {
        numHeads: context.heads!.numHeads,
        context,
        queryKey: symmetries.axisOfTap(`query.${layer}`)!,
        contextCorrelation: correlation(name),
        queryKeyCorrelation: () => correlation(queryKeySet(layer)),
      }
    })
}

/** Match every layer's heads by Algorithm 1 and give query and key the same permutation, or one of their own. */
export function matchAttention(
  context: MatchingContext,
  pairing: 'assignment' | 'monotonic',
  { separateQueryKey }: MatcherOptions,
): Map<string, Permutation> {
  return new Map(
    attentionLayers(context).flatMap((layer): [string, Permutation][] => {
      const matching: HeadMatching = matchHeads(layer.contextCorrelation, layer.numHeads, pairing)
      const own = separateQueryKey ? matchInsideHeads(layer.queryKeyCorrelation(), matching.outer) : matching
      return [
        [layer.context.name, headPermutation(matching)],
        [layer.queryKey.name, headPermutation(own)],
      ]
    }),
  )
}

function queryKeySet(layer: number | null): string {
  return `queryKey.${layer}`
}
