import type { Permutation } from '@isthmus/tensor'
import type { Matcher } from './alignment-method.ts'
import { attentionFeatureSets, attentionLayers } from './attention-layers.ts'
import { matchFeatures } from './match-features.ts'

/** All attention features matched at once, as if there were no heads: this breaks the symmetry, on purpose. */
export const attentionIgnoreHeads: Matcher = {
  id: 'attention/ignore-heads',
  component: 'attention',
  summary: 'all attention features matched at once, across heads; changes the function',
  reference: 'Verma & Elbayad (2024), §5.2, “Ignore-Heads”',
  symmetry: 'broken',
  options: [],
  featureSets: attentionFeatureSets,
  match: (context) =>
    new Map(
      attentionLayers(context).flatMap((layer): [string, Permutation][] => {
        const matched = matchFeatures(layer.contextCorrelation)
        return [
          [layer.context.name, matched],
          [layer.queryKey.name, matched],
        ]
      }),
    ),
}
