import type { CrossCorrelation, FeatureSet } from '@isthmus/activations'
import type { Graph, Symmetries } from '@isthmus/model'
import type { Permutation, Tensor } from '@isthmus/tensor'
import type { WeightSolver } from './weight-solver.ts'

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
  /** Soft transports of B's axes, which change the function: by name F32 T `[d, d]`, rows of which sum to 1,
   *  `B'[i] = Σ_j T[i, j] B[j]`. An axis has a permutation or a transport. */
  readonly transports?: ReadonlyMap<string, Tensor>
  readonly space: AlignmentSpace
}

/** The parts of a model that are matched each by itself. */
export type Component = 'ffn' | 'attention' | 'residual'

/** What a matcher of features may look at. */
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
  /** How a transport is found: `exact` is a permutation, `sinkhorn` a soft map, which changes the function. */
  readonly solver: 'exact' | 'sinkhorn'
}

/** One way to move one component of a transformer. A method combines matchers. */
export type Matcher = FeatureMatcher | WeightMatcher

interface MatcherDescription {
  /** How the matcher is written in a method's name, e.g. `attention/head-perm`. */
  readonly id: string
  /** The part of the model that it permutes; a method has at most one matcher for each. */
  readonly component: Component
  readonly summary: string
  readonly reference: string
  /** Whether every result lies in the graph's symmetry group, so that the aligned model computes the same function. */
  readonly symmetry: 'kept' | 'broken'
  /** The options that it understands. */
  readonly options: readonly (keyof MatcherOptions)[]
  /** Whether it gives each Add&Norm a permutation of its own. Default: not. */
  readonly skips?: AlignmentSpace['skips']
}

/** A matcher that looks at what the models compute: the correlations of their features on a text. */
export interface FeatureMatcher extends MatcherDescription {
  /** The features whose correlations `match` will ask for. */
  featureSets(graph: Graph, options: MatcherOptions): readonly FeatureSet[]
  match(context: MatchingContext, options: MatcherOptions): ReadonlyMap<string, Permutation>
}

/** A matcher that looks at the weights alone, and needs no text. */
export interface WeightMatcher extends MatcherDescription {
  /** Moves all components of a method whose matchers name the same solver, together. */
  readonly solver: WeightSolver
}
