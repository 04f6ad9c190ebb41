import { defineStudy } from '@isthmus/study'

/** Table 1 of Verma & Elbayad (2024): feed-forward layers aligned in all rows, attention in four ways.
 *
 *  Every pair of the shipped seeds, 21 points a curve, the whole evaluation text. `vanilla` is what all are compared
 *  with; `ignore-heads` does not keep the function, and its λ = 0 is the permuted model.
 */
export default defineStudy({
  name: 'attention-heads',
  title: 'Table 1: loss barriers with feed-forward layers aligned and attention aligned in four ways',
  methods: ['vanilla', 'identity', 'monotonic', 'ignore-heads', 'head-perm', 'ffn+attention/head-perm/qk'],
  lambdas: 21,
  figures: ['barriers', 'loss-curves', 'correlation-heatmap'],
})
