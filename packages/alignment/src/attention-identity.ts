import type { Matcher } from './alignment-method.ts'

/** Attention averaged as it is: the control for the methods that match heads. */
export const attentionIdentity: Matcher = {
  id: 'attention/identity',
  component: 'attention',
  summary: 'attention left as it is',
  reference: 'Verma & Elbayad (2024), Table 1, “Vanilla Attention Avg.”',
  symmetry: 'kept',
  options: [],
  featureSets: () => [],
  match: () => new Map(),
}
