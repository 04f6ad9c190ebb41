import { defineStudy } from '@isthmus/study'

/** Figure 5 of Verma & Elbayad (2024): how alike features are, layer by layer, before and after they are paired. */
export default defineStudy({
  name: 'convergent-learning',
  title: 'Figure 5: mean feature correlation by layer, before and after alignment',
  methods: ['vanilla', 'ffn+attention/head-perm'],
  lambdas: 3,
  figures: ['correlation-by-layer'],
})
