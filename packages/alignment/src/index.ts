export {
  type Alignment,
  type AlignmentSpace,
  graphSpace,
  type Matcher,
  type MatcherOptions,
  type MatchingContext,
} from './alignment-method.ts'
export { alignmentKeepsFunction, alignmentSymmetries, decoderOf } from './alignment-symmetries.ts'
export { matchFeatures } from './match-features.ts'
export { type HeadMatching, headPermutation, matchHeads, matchInsideHeads } from './match-heads.ts'
export {
  type AlignmentMethod,
  align,
  alignmentMethod,
  matchers,
  methodAliases,
  methodFeatureSets,
} from './methods.ts'
