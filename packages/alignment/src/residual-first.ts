import type { Matcher } from './alignment-method.ts'
import { matchStream, residualTaps, tapFeatures } from './residual-stream.ts'

/** The whole residual stream permuted as its features match after the embeddings. */
export const residualFirst: Matcher = {
  id: 'residual/first',
  component: 'residual',
  summary: 'residual stream matched by its features after the embeddings',
  reference: 'Verma & Elbayad (2024), Table 2, “First”',
  symmetry: 'kept',
  options: ['decoder'],
  featureSets: (graph) => [tapFeatures(residualTaps(graph)[0]!)],
  match: (context) => matchStream(context, tapFeatures(residualTaps(context.graph)[0]!)),
}
