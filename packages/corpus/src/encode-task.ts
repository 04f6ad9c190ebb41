import { UserError } from '@isthmus/tensor'
import { requiredToken, type Tokenizer } from './open-tokenizer.ts'
import type { PairFrame } from './pair-frame.ts'
import type { TaskRow } from './read-task-rows.ts'
import type { TextTask } from './text-task.ts'

/** A sentence, or a pair of them, as a model reads it. */
export interface EncodedText {
  /** Shape `[length]`, special tokens included. */
  readonly ids: Int32Array
  /** How many of them, from the first on, have token type 0; the rest has type 1. */
  readonly firstTypeLength: number
}

/** One split of a task as tokens, with what it was made by. */
export interface EncodedTask {
  /** The task's id. */
  readonly task: string
  /** The names of the classes by their labels; null where labels are scores. */
  readonly classes: readonly string[] | null
  readonly texts: readonly EncodedText[]
  /** Shape `[texts]`: indices of classes, or scores. */
  readonly labels: Int32Array | Float32Array
  readonly maxTokens: number
  readonly vocabularyDigest: string
}

export interface EncodeTaskOptions {
  /** Tokens of a text at most, special tokens included. Default 128, GLUE's custom. */
  readonly maxTokens?: number
}

/** Turn the rows of a task into tokens, as Hugging Face's fast tokenizers do with `truncation=True`.
 *
 *      one sentence   [CLS] a [SEP]              types 0
 *      a pair         [CLS] a [SEP] b [SEP]      types 0 … 0 1 … 1, the first [SEP] included in the zeros
 *
 *  RoBERTa has `<s>` and `</s>` instead, two of the latter between a pair, and no types. What is too long is cut at the
 *  ends of the sentences, the longer one first: {@link longestFirst}.
 *  @throws {UserError} when `maxTokens` leaves no room for a token of each sentence, or the tokenizer has no [CLS] or
 *    [SEP].
 */
export function encodeTask(
  rows: readonly TaskRow[],
  task: Pick<TextTask, 'id' | 'labels'>,
  tokenizer: Tokenizer,
  { maxTokens = 128 }: EncodeTaskOptions = {},
): EncodedTask {
  const clsId = requiredToken(tokenizer, 'cls', 'a classifier of text')
  const sepId = requiredToken(tokenizer, 'sep', 'a classifier of text')
  const { labels } = task
  const values = rows.map(({ label }) => label)
  return {
    task: task.id,
    classes: labels.kind === 'classes' ? labels.names : null,
    texts: rows.map(({ sentences: [first, second] }) => {
      const [a, b] = [tokenizer.encode(first!), second === undefined ? null : tokenizer.encode(second)]
      return frameText(a, b, { clsId, sepId, pair: tokenizer.pairFrame, maxTokens })
    }),
    labels: labels.kind === 'classes' ? Int32Array.from(values) : Float32Array.from(values),
    maxTokens,
    vocabularyDigest: tokenizer.vocabularyDigest,
  }
}

interface Frame {
  readonly clsId: number
  readonly sepId: number
  readonly pair: PairFrame
  readonly maxTokens: number
}

function frameText(a: readonly number[], b: readonly number[] | null, frame: Frame): EncodedText {
  const { clsId, sepId, pair, maxTokens } = frame
  const specials = b === null ? 2 : 2 + pair.separators
  assertRoom(maxTokens, specials, b === null ? 1 : 2)
  const room = maxTokens - specials
  if (b === null) {
    const ids = Int32Array.of(clsId, ...a.slice(0, room), sepId)
    return { ids, firstTypeLength: ids.length }
  }
  const [lengthA, lengthB] = longestFirst(a.length, b.length, room)
  const between = new Array<number>(pair.separators).fill(sepId)
  const ids = Int32Array.of(clsId, ...a.slice(0, lengthA), ...between, ...b.slice(0, lengthB), sepId)
  return { ids, firstTypeLength: pair.secondType === 1 ? 1 + lengthA + pair.separators : ids.length }
}

/** @throws {UserError} when there is no room for a token of each sentence. */
function assertRoom(maxTokens: number, specials: number, sentences: number): void {
  if (Number.isSafeInteger(maxTokens) && maxTokens >= specials + sentences) return
  const contents = sentences === 1 ? 'a sentence' : 'a pair of sentences'
  throw new UserError(
    `maxTokens must be a whole number of at least ${specials + sentences} for ${contents} (${specials} special tokens ` +
      `and one of each sentence), but it is ${maxTokens}`,
  )
}

/** How much is left of two sentences that have room for `room` tokens together.
 *
 *  The longer one is cut to what the shorter one leaves. Where both are longer than half of the room, each gets half; an
 *  odd token goes to the one that was longer, to the second of two that were equal. (Hugging Face's slow tokenizers, which
 *  drop token by token, give it to the first.)
 *  @see `truncate_encodings` of Hugging Face's tokenizers, `TruncationStrategy::LongestFirst`.
 */
export function longestFirst(lengthA: number, lengthB: number, room: number): readonly [number, number] {
  if (lengthA + lengthB <= room) return [lengthA, lengthB]
  const isFirstLonger = lengthA > lengthB
  const shorter = Math.min(lengthA, lengthB, Math.floor(room / 2))
  const longer = room - shorter
  return isFirstLonger ? [longer, shorter] : [shorter, longer]
}
