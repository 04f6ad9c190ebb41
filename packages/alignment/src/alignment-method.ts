import type { CrossCorrelation, FeatureSet } from '@isthmus/activations'
import type { Graph, Symmetries } from '@isthmus/model'
import type { Permutation } from '@isthmus/tensor'

/** Which symmetries an alignment's permutations are of: the graph's own, or those of a graph that it would have to be. */
export interface AlignmentSpace {
  /** `ignored`: each Add&Norm of the residual stream has a permutation of its own, and the skips are left as they are. */
  readonly skips: 'kept' | 'ignored'
  /** How a decoder that is tied to the embeddings follows their permutation.
   *
   *  `exact`: the head's last transform is permuted with the residual stream. `untied`: the decoder becomes a parameter of
   *  its own, which stays as it was. `released-code`: as the authors' evaluation does, the decoder's features are permuted
   *  twice and the head's not at all, which changes the function.
   */
  readonly decoder: 'exact' | 'untied' | 'released-code'
}

/** The space of methods that leave the residual stream alone. */
export const graphSpace: AlignmentSpace = { skips: 'kept', decoder: 'exact' }

/** How B is moved into A's space. */
export interface Alignment {
  /** Permutations of B's axes into A's order, by the axes' names in the symmetries; an absent axis stays. */
  readonly permutations: ReadonlyMap<string, Permutation>
  readonly space: AlignmentSpace
}

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
  readonly decoder: AlignmentSpace['decoder']
}

/** One way to choose the permutations of one component of a transformer. A method combines matchers. */
export interface Matcher {
  /** How the matcher is written in a method's name, e.g. `attention/head-perm`. */
  readonly id: string
  /** The part of the model that it permutes; a method has at most one matcher for each. */
  readonly component: 'ffn' | 'attention' | 'residual'
  readonly summary: string
  readonly reference: string
  /** Whether every result lies in the graph's symmetry group, so that the aligned model computes the same function. */
  readonly symmetry: 'kept' | 'broken'
  /** The options that it understands. */
  readonly options: readonly (keyof MatcherOptions)[]
  /** Whether it gives each Add&Norm a permutation of its own. Default: not. */
  readonly skips?: AlignmentSpace['skips']
  /** The features whose correlations `match` will ask for. */
  featureSets(graph: Graph, options: MatcherOptions): readonly FeatureSet[]
  match(context: MatchingContext, options: MatcherOptions): ReadonlyMap<string, Permutation>
}
