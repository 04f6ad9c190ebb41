import type { Alignment } from '@isthmus/alignment'
import type { StudyModel, StudySettings } from '@isthmus/study'
import packageJson from '../package.json' with { type: 'json' }

/** How B was moved into A's space, and how that was found. */
export interface AlignedPair {
  readonly method: string
  readonly alignment: Alignment
  /** The file of the permutations. */
  readonly permutations: string
  readonly symmetry: 'kept' | 'broken'
  /** What the equivalence gate measured; null where the permutations came from a file. */
  readonly maxAbsLogitDifference: number | null
  /** On what features were matched; null where nothing was. */
  readonly text: {
    readonly books: string
    readonly tokens: number
    readonly settings: StudySettings['alignment']
  } | null
}

/** A merge of two models, as its model card tells it. */
export interface Merge extends AlignedPair {
  readonly a: StudyModel
  readonly b: StudyModel
  readonly lambda: number
}

/** The README.md of a merged model: from what and how it was made, and how to make it again. */
export function modelCard(merge: Merge): string {
  const { a, b, lambda, method, symmetry, maxAbsLogitDifference, text, alignment } = merge
  const matched =
    text === null
      ? ''
      : `Features were matched on ${text.tokens} tokens of \`${text.books}\`: ${text.settings.linesPerBook} lines a ` +
        `book, fraction ${text.settings.fraction}, seed ${text.settings.seed}.\n`
  const gate =
    maxAbsLogitDifference === null ? '' : ` On a probe batch its logits differ by at most ${maxAbsLogitDifference}.`
  return `---
library_name: transformers
tags:
- merge
- isthmus
---

# ${a.name} and ${b.name}, merged

    θ = ${lambda} · θ_A + ${1 - lambda} · π(θ_B)

| | model | digest |
|---|---|---|
| A, the reference | ${a.name} | \`${a.checkpoint.artifact.digest}\` |
| B, permuted by π | ${b.name} | \`${b.checkpoint.artifact.digest}\` |

π was chosen by **${method}** and permutes ${alignment.permutations.size} axes. It ${symmetry === 'kept' ? 'keeps' : 'changes'} the function that B computes.${gate}
${matched}
\`permutations.safetensors\` holds π, one I32 permutation an axis, \`B'[i] = B[π[i]]\`. To apply it again:

    isthmus merge A B --permutations permutations.safetensors --lambda ${lambda} --out DIR

Made with Isthmus ${packageJson.version}, by the method of Verma & Elbayad (2024), *Merging Text Transformer Models from
Different Initializations*, arXiv 2403.00986.
`
}
