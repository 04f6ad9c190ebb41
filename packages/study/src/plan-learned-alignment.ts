import type { AlignmentMethod } from '@isthmus/alignment'
import { listBooks } from '@isthmus/corpus'
import type { Node, NodeOptions } from '@isthmus/dataflow'
import { objectiveOf } from '@isthmus/model'
import { UserError } from '@isthmus/tensor'
import { engineIdentity } from './engines.ts'
import type { StudyModel } from './open-models.ts'
import type { AlignmentValue, CorrelationsValue } from './operations/artifacts.ts'
import { learnAlignment } from './operations/learn-alignment.ts'
import { learningBlocks } from './operations/learning-blocks.ts'
import type { AlignmentSettings } from './plan-alignment.ts'
import type { SettingSources } from './setting-sources.ts'

/** Two models, and from where their alignment is learned. */
export interface PairToLearn {
  readonly a: StudyModel
  readonly b: StudyModel
  readonly method: AlignmentMethod
  /** Their alignment by the method that learning starts from. */
  readonly start: Node<AlignmentValue>
  /** Of the features that the start matches. */
  readonly correlations: readonly Node<CorrelationsValue>[]
}

/** Lay out the learning of an alignment: the text that is learned from, which all pairs share, and the steps.
 *
 *  @throws {UserError} when the models are no language models, or there are no books.
 */
export async function planLearnedAlignment(
  { a, b, method, start, correlations }: PairToLearn,
  { learned, books: folder, alignment }: AlignmentSettings,
  sources: SettingSources,
  options: NodeOptions,
): Promise<Node<AlignmentValue>> {
  const { blockSize, maskProbability, fraction, executionProvider, ...params } = learned
  const objective = languageObjective(a, method)
  if (blockSize > a.maxPositions) {
    throw new UserError(
      `learned.blockSize is ${blockSize}, but ${a.name} takes at most ${a.maxPositions} tokens: ` +
        `set learned.blockSize=${a.maxPositions} or less`,
    )
  }
  const books = await sources.open({ kind: 'books', path: folder }, listBooks)
  const { linesPerBook, seed } = alignment
  const blocks = learningBlocks.node(
    { books, tokenizer: a.tokenizer },
    { linesPerBook, fraction, seed, objective, blockSize },
    { label: 'cut the books into blocks' },
  )
  return learnAlignment.node(
    { a: a.checkpoint, b: b.checkpoint, start, correlations, blocks, tokenizer: a.tokenizer },
    {
      ...params,
      method: method.name,
      maskProbability: objective === 'nextToken' ? null : maskProbability,
      engine: engineIdentity({ name: 'tfjs', executionProvider }),
    },
    options,
  )
}

function languageObjective({ graph, name }: StudyModel, method: AlignmentMethod): 'maskedLanguageModel' | 'nextToken' {
  const objective = objectiveOf(graph)
  if (objective === 'maskedLanguageModel' || objective === 'nextToken') return objective
  throw new UserError(
    `${method.name} learns by the loss of a language model on text, and ${name} is none; choose another method, such as ` +
      `${method.learnedFrom!.name}`,
  )
}
