import { defineCollection } from '@isthmus/study'

/** Every experiment of Verma & Elbayad (2024) on masked language models, and what the paper leaves open beside them. */
export default defineCollection({
  name: 'paper',
  title: 'Merging text transformers from different initialisations: the experiments of Verma & Elbayad (2024)',
  studies: [
    'components',
    'convergent-learning',
    'attention-heads',
    'residual-stream',
    'data-amount',
    'evaluation-protocols',
    'without-activations',
  ],
})
