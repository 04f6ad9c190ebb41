import type { Matcher } from './alignment-method.ts'

/** The residual stream averaged as it is: the control for the methods that permute it. */
export const residualIdentity: Matcher = {
  id: 'residual/identity',
  component: 'residual',
  summary: 'residual stream left as it is',
  reference: 'Verma & Elbayad (2024), Table 2, “Identity”',
  symmetry: 'kept',
  options: [],
  featureSets: () => [],
  match: () => new Map(),
}
