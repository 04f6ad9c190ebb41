import { defineStudy, sweep } from '@isthmus/study'

/** Table 3 and Figure 8 of Verma & Elbayad (2024): fine-tuned classifiers, merged with their whole encoders aligned. */
export default defineStudy({
  name: 'tasks',
  title: 'Table 3 and Figure 8: classifiers of text, fine-tuned from models of different initialisations',
  task: sweep(['datasets/tasks/genre', 'datasets/tasks/spam']),
  seeds: [1, 2, 3],
  methods: ['vanilla', 'ffn+attention/head-perm+residual/first'],
  alignment: { fraction: 1 },
  // The paper's 2e-5 is for BERT-base: models of four layers and 128 dimensions would be far from converged after 3 epochs.
  fineTuning: { learningRate: 1e-3, epochs: 3, warmup: 0.1 },
  lambdas: 21,
  figures: ['task-curves', 'barriers', 'training-curves', 'correlation-by-layer'],
})
