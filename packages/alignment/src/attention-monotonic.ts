import type { Matcher } from './alignment-method.ts'
import { attentionFeatureSets, matchAttention } from './attention-layers.ts'

/** Head j stays with head j; features are matched inside heads. */
export const attentionMonotonic: Matcher = {
  id: 'attention/monotonic',
  component: 'attention',
  summary: 'heads left in order, features matched inside each head',
  reference: 'Verma & Elbayad (2024), §5.2, “Monotonic”',
  symmetry: 'kept',
  options: ['separateQueryKey'],
  featureSets: attentionFeatureSets,
  match: (context, options) => matchAttention(context, 'monotonic', options),
}
