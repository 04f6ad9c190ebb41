import type { StudyDefinition } from '@isthmus/study'

/** A study of a few seconds that has every kind of step. Its only import is of a type, so that a run that has begun
 *  depends on nothing but the built command.
 */
export default {
  name: 'small-study',
  title: 'Two small BERTs, averaged as they are and aligned, on little text',
  family: '../../datasets/models',
  books: '../../datasets/books',
  wikitext: '../../datasets/wiki/wiki.valid.raw',
  seeds: [1, 2],
  methods: ['vanilla', 'head-perm'],
  lambdas: 3,
  alignment: { fraction: 0.001 },
  evaluation: { blocks: 4 },
} satisfies StudyDefinition
