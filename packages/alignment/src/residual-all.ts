import type { FeatureSet } from '@isthmus/activations'
import type { Graph } from '@isthmus/model'
import type { Matcher } from './alignment-method.ts'
import { matchStream, residualTaps } from './residual-stream.ts'

/** The whole residual stream permuted as its features match at all taps: the mean of their covariances, correlated. */
export const residualAll: Matcher = {
  id: 'residual/all',
  component: 'residual',
  summary: 'residual stream matched by its features at all taps together',
  reference: 'Verma & Elbayad (2024), Table 2, “All”',
  symmetry: 'kept',
  options: ['decoder'],
  featureSets: (graph) => [streamFeatures(graph)],
  match: (context) => matchStream(context, streamFeatures(context.graph)),
}

function streamFeatures(graph: Graph): FeatureSet {
  const taps = residualTaps(graph)
  return { name: 'residual.all', taps: taps.map(({ name }) => name), width: taps[0]!.width, combine: 'meanCovariance' }
}
