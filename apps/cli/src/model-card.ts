import type { FolderModel } from '@isthmus/study'
import packageJson from '../package.json' with { type: 'json' }
import type { AlignedModel } from './align-models.ts'

/** A merge, as its model card tells it. */
export interface Merge {
  /** A, into whose space the others are moved. */
  readonly reference: FolderModel
  readonly weight: number
  readonly others: readonly (AlignedModel & { readonly weight: number })[]
}

/** The file of the permutations of one of the models that were moved, beside the model card. */
export function permutationsFile(index: number, count: number): string {
  return count === 1 ? 'permutations.safetensors' : `permutations-${letter(index + 1)}.safetensors`
}

/** The README.md of a merged model: from what and how it was made, and how to make it again. */
export function modelCard({ reference, weight, others }: Merge): string {
  const symbols = others.map((_, index) => (others.length === 1 ? 'π' : `π_${letter(index + 1)}`))
  const sum = others.map((one, index) => ` + ${one.weight} · ${symbols[index]}(θ_${letter(index + 1)})`)
  const rows = others.map(
    ({ model }, index) =>
      `| ${letter(index + 1)}, permuted by ${symbols[index]} | ${model.name} | \`${model.checkpoint.artifact.digest}\` |`,
  )
  const alignments = others.map((one, index) => alignmentText(one, symbols[index]!, letter(index + 1)))
  const files = others.map((_, index) => permutationsFile(index, others.length))
  const names = [reference, ...others.map(({ model }) => model)].map(({ name }) => name)
  return `${frontMatter}
# ${names.slice(0, -1).join(', ')} and ${names.at(-1)}, merged

    θ = ${weight} · θ_A${sum.join('')}

| | model | digest |
|---|---|---|
| A, the reference | ${reference.name} | \`${reference.checkpoint.artifact.digest}\` |
${rows.join('\n')}

${alignments.join('\n')}
${files.map((file) => `\`${file}\``).join(', ')}: one permutation an axis, \`B'[i] = B[π[i]]\`. To apply them again:

    isthmus merge ${names.map((_, index) => letter(index)).join(' ')} --permutations ${files.join(' ')} --lambda ${[weight, ...others.map((one) => one.weight)].join(',')} --out DIR

${madeWith}`
}

/** The README.md of a model that was moved into another's space. */
export function alignedModelCard(aligned: AlignedModel): string {
  const { model } = aligned
  return `${frontMatter}
# ${model.name}, aligned

The model ${model.name} (digest \`${model.checkpoint.artifact.digest}\`) with its features in another order.

${alignmentText(aligned, 'π', 'B')}
\`permutations.safetensors\`: one permutation an axis, \`B'[i] = B[π[i]]\`. To make it again:

    isthmus apply permutations.safetensors B --out DIR

${madeWith}`
}

const frontMatter = `---
library_name: transformers
tags:
- merge
- isthmus
---
`

const madeWith = `Made with Isthmus ${packageJson.version}, by the method of Verma & Elbayad (2024), *Merging Text Transformer Models from
Different Initializations*, arXiv 2403.00986.
`

function alignmentText(aligned: AlignedModel, symbol: string, name: string): string {
  const { method, alignment, symmetry, maxAbsLogitDifference, text } = aligned
  const matched =
    text === null
      ? ''
      : `Features were matched on ${text.tokens} tokens of \`${text.books}\`: ${text.settings.linesPerBook} lines a ` +
        `book, fraction ${text.settings.fraction}, seed ${text.settings.seed}.\n`
  const moved = [
    `permutes ${alignment.permutations.size} axes`,
    ...(alignment.transports === undefined ? [] : [`transports ${alignment.transports.size} softly`]),
  ]
  return (
    `${symbol} was chosen by **${method}** and ${moved.join(' and ')}. It ` +
    `${symmetry === 'kept' ? 'keeps' : 'changes'} the function that ${name} computes. On a probe batch its logits differ by at ` +
    `most ${maxAbsLogitDifference}.\n${matched}`
  )
}

/** A, B, C, … */
function letter(index: number): string {
  return String.fromCharCode('A'.charCodeAt(0) + index)
}
