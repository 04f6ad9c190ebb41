import { defineStudy, sweep } from '@isthmus/study'

/** Figure 7 of Verma & Elbayad (2024): does more text to match features on lower the barrier? */
export default defineStudy({
  name: 'data-amount',
  title: 'Figure 7: loss barrier against the amount of text on which features are matched',
  methods: ['vanilla', 'ffn+attention/head-perm'],
  alignment: { fraction: sweep([0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1]) },
  lambdas: 5,
  figures: ['data-amount'],
})
