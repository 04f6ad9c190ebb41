import { defineStudy, sweep } from '@isthmus/study'

/** What the evaluation text does to the barrier: as it is, and split into characters as the authors' script has it.
 *
 *  The released code of Verma & Elbayad joins the characters of each line with spaces before it tokenises, so that the
 *  published losses are of single letters.
 */
export default defineStudy({
  name: 'evaluation-protocols',
  title: 'Loss barriers on the evaluation text as it is, and as the released code splits it into characters',
  methods: ['vanilla', 'head-perm'],
  evaluation: { protocol: sweep(['clean', 'released-code']) },
  lambdas: 5,
  figures: ['barriers'],
})
