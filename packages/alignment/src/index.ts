export type { Alignment, Matcher, MatcherOptions, MatchingContext } from './alignment-method.ts'
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
