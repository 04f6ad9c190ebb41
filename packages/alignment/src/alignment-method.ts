import type { CrossCorrelation, FeatureSet } from '@isthmus/activations'
import type { Graph, Symmetries } from '@isthmus/model'
import type { Permutation } from '@isthmus/tensor'

/** Permutations of B's axes into A's order, by the axes' names in the graph's symmetries; an absent axis stays. */
export type Alignment = ReadonlyMap<string, Permutation>

/** What a matcher may look at. */
export interface MatchingContext {
  readonly graph: Graph
  readonly symmetries: Symmetries
  /** The correlation of a feature set that the matcher asked for. */
  correlation(featureSet: string): CrossCorrelation
}

/** Settings that a matcher understands. */
export interface MatcherOptions {
  /** Whether query and key get a within-head permutation of their own, from their own features. */
  readonly separateQueryKey: boolean
}

/** One way to choose the permutations of one component of a transformer. A method combines matchers. */
export interface Matcher {
  /** How the matcher is written in a method's name, e.g. `attention/head-perm`. */
  readonly id: string
  /** The part of the model that it permutes; a method has at most one matcher for each. */
  readonly component: 'ffn' | 'attention'
  readonly summary: string
  readonly reference: string
  /** Whether every result lies in the graph's symmetry group, so that the aligned model computes the same function. */
  readonly symmetry: 'kept' | 'broken'
  /** The options that it understands. */
  readonly options: readonly (keyof MatcherOptions)[]
  /** The features whose correlations `match` will ask for. */
  featureSets(graph: Graph, options: MatcherOptions): readonly FeatureSet[]
  match(context: MatchingContext, options: MatcherOptions): Alignment
}
