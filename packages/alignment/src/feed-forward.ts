import type { Matcher } from './alignment-method.ts'
import { matchFeatures } from './match-features.ts'

/** Feed-forward layers: the activations after the nonlinearity are matched, layer by layer. */
export const feedForward: Matcher = {
  id: 'ffn',
  component: 'ffn',
  summary: 'each feed-forward layer’s features matched by correlation',
  reference: 'Verma & Elbayad (2024), §3.1',
  symmetry: 'kept',
  options: [],
  featureSets: (graph) =>
    graph.taps.filter(({ site }) => site === 'ffn').map(({ name, width }) => ({ name, taps: [name], width })),
  match({ graph, symmetries, correlation }) {
    const taps = graph.taps.filter(({ site }) => site === 'ffn')
    return new Map(taps.map(({ name }) => [symmetries.axisOfTap(name)!.name, matchFeatures(correlation(name))]))
  },
}
