import { defineStudy } from '@isthmus/study'

/** Permutations learned by the loss on the path, beside the methods that they start from.
 *
 *  Learned matching (Ainsworth et al., 2023, §3.3; Theus et al., 2025) goes on from an alignment within the symmetry group of
 *  its components, on text that is not the evaluation's, with both models as they are. It needs gradients, and its rows say
 *  how many tokens and seconds it took.
 */
export default defineStudy({
  name: 'learned-matching',
  title: 'Loss barriers by permutations that are learned, beside those that they are learned from',
  seeds: [1, 2, 3],
  methods: [
    'vanilla',
    'head-perm',
    'head-perm+residual/first',
    'weight-matching',
    'head-perm+learned',
    'head-perm+residual/first+learned',
    'weight-matching+learned',
  ],
  lambdas: 11,
  figures: ['barriers', 'loss-curves'],
})
