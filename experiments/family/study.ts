import { defineFamily } from '@isthmus/study'

/** The recipe by which the family that ships was made; all of its settings are their defaults. */
export default defineFamily({
  name: 'family',
  title: 'Four small BERTs from different initialisations, trained on the text that ships',
  seeds: [1, 2, 3, 4],
})
