export { align, alignWeights, hasSoftTransports, methodFeatureSets, needsWeights, type WeightContext } from './align.ts'
export {
  type Alignment,
  type AlignmentSpace,
  type Component,
  type FeatureMatcher,
  graphSpace,
  type Matcher,
  type MatcherOptions,
  type MatchingContext,
  type WeightMatcher,
} from './alignment-method.ts'
export { alignmentKeepsFunction, alignmentSymmetries, decoderOf } from './alignment-symmetries.ts'
export { type AxisMap, moveMember } from './axis-map.ts'
export {
  type LearnedMatching,
  type LearnedMatchingContext,
  type LearnedMatchingPoint,
  type LearnedMatchingSettings,
  learnedComponents,
  learnMatching,
  type PathObjective,
} from './learned-matching.ts'
export { matchFeatures } from './match-features.ts'
export {
  type FeatureScores,
  type HeadMatching,
  headPermutation,
  matchHeadGroup,
  matchHeads,
  matchInsideHeads,
} from './match-heads.ts'
export { type MatrixProduct, matrixProductGraph, type TransposedFactor } from './matrix-product.ts'
export {
  type AlignmentMethod,
  alignmentMethod,
  matchers,
  methodAliases,
} from './methods.ts'
export { type SinkhornSettings, sinkhorn, sinkhornDefaults } from './sinkhorn.ts'
