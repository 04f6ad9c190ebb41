import { defineStudy } from '@isthmus/study'

/** Table 2 of Verma & Elbayad (2024): how the residual stream is permuted, with the decoder following in three ways. */
export default defineStudy({
  name: 'residual-stream',
  title: 'Table 2: loss barriers with only the residual stream aligned',
  methods: [
    'vanilla',
    ...['first', 'last', 'all', 'separate'].flatMap((mode) =>
      ['', '/untied', '/released-code'].map((decoder) => `residual/${mode}${decoder}`),
    ),
  ],
  lambdas: 5,
  figures: ['barriers', 'loss-curves', 'correlation-by-layer'],
})
