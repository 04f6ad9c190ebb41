import type { Matcher } from './alignment-method.ts'
import { matchStream, residualTaps, tapFeatures } from './residual-stream.ts'

/** The whole residual stream permuted as its features match after the last layer. */
export const residualLast: Matcher = {
  id: 'residual/last',
  component: 'residual',
  summary: 'residual stream matched by its features after the last layer',
  reference: 'Verma & Elbayad (2024), Table 2, “Last”',
  symmetry: 'kept',
  options: ['decoder'],
  featureSets: (graph) => [tapFeatures(residualTaps(graph).at(-1)!)],
  match: (context) => matchStream(context, tapFeatures(residualTaps(context.graph).at(-1)!)),
}
