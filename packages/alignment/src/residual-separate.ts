import type { Permutation } from '@isthmus/tensor'
import type { Matcher } from './alignment-method.ts'
import { matchFeatures } from './match-features.ts'
import { residualTaps, tapFeatures } from './residual-stream.ts'

/** Each Add&Norm permuted as its own features match, the skips left as they are: this breaks the symmetry, on purpose. */
export const residualSeparate: Matcher = {
  id: 'residual/separate',
  component: 'residual',
  summary: 'each Add&Norm matched by itself, skips unpermuted; changes the function',
  reference: 'Verma & Elbayad (2024), Table 2, “Separate”',
  symmetry: 'broken',
  options: ['decoder'],
  skips: 'ignored',
  featureSets: (graph) => residualTaps(graph).map(tapFeatures),
  match: ({ graph, symmetries, correlation }) =>
    new Map(
      residualTaps(graph).map(({ name }): [string, Permutation] => [
        symmetries.axisOfTap(name)!.name,
        matchFeatures(correlation(name)),
      ]),
    ),
}
