import type { FeatureSet } from '@isthmus/activations'
import type { Graph, Tap } from '@isthmus/model'
import type { Permutation } from '@isthmus/tensor'
import type { MatchingContext } from './alignment-method.ts'
import { matchFeatures } from './match-features.ts'

/** The taps of the residual stream, from the embeddings to the last layer's output. */
export function residualTaps(graph: Graph): Tap[] {
  return graph.taps.filter(({ site }) => site === 'residual')
}

/** The features of one tap, as a set of its name. */
export function tapFeatures({ name, width }: Tap): FeatureSet {
  return { name, taps: [name], width }
}

/** One permutation for the whole stream, which is one axis: that under which the features of a set correlate best. */
export function matchStream({ symmetries, correlation }: MatchingContext, set: FeatureSet): Map<string, Permutation> {
  const axis = symmetries.axisOfTap(set.taps[0]!)!
  return new Map([[axis.name, matchFeatures(correlation(set.name))]])
}
