import { defineStudy } from '@isthmus/study'

/** Figure 4 of Verma & Elbayad (2024): which components are aligned before the models are averaged. */
export default defineStudy({
  name: 'components',
  title: 'Figure 4: loss curves by the components that are aligned',
  methods: [
    'vanilla',
    'ffn',
    'attention/head-perm',
    'ffn+attention/head-perm',
    'residual/first',
    'ffn+residual/first',
    'attention/head-perm+residual/first',
    'ffn+attention/head-perm+residual/first',
  ],
  lambdas: 11,
  figures: ['barriers', 'loss-curves'],
})
