import { defineStudy } from '@isthmus/study'

/** The whole path in under a minute: three seeds, all their pairs, three methods, part of the text. */
export default defineStudy({
  name: 'quickstart',
  title: 'Loss barriers of three small BERTs, averaged as they are and aligned',
  seeds: [1, 2, 3],
  methods: ['vanilla', 'ffn', 'head-perm'],
  lambdas: 11,
  alignment: { fraction: 0.05 },
  evaluation: { blocks: 48 },
})
