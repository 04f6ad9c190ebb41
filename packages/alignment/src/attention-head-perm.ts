import type { Matcher } from './alignment-method.ts'
import { attentionFeatureSets, matchAttention } from './attention-layers.ts'

/** Heads matched with heads, features inside heads: Algorithm 1. */
export const attentionHeadPerm: Matcher = {
  id: 'attention/head-perm',
  component: 'attention',
  summary: 'heads matched with heads, and features inside the matched heads',
  reference: 'Verma & Elbayad (2024), Algorithm 1',
  symmetry: 'kept',
  options: ['separateQueryKey'],
  featureSets: attentionFeatureSets,
  match: (context, options) => matchAttention(context, 'assignment', options),
}
