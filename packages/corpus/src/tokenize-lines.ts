import { UserError } from '@isthmus/tensor'
import type { Tokenizer } from './open-tokenizer.ts'
import type { BookLine } from './sample-books.ts'

/** A line of a book as token ids. */
export interface TokenizedLine {
  readonly book: string
  readonly line: number
  /** Shape `[length]`, at least one token. */
  readonly ids: Int32Array
}

/** Lines as tokens, with what they were made by. */
export interface TokenTable {
  readonly lines: readonly TokenizedLine[]
  readonly maxTokens: number
  readonly specialTokens: boolean
  readonly vocabularyDigest: string
}

export interface TokenizeLinesOptions {
  /** Tokens a line at most, special tokens included: the smaller of 512 and the model's positions. Default 512. */
  readonly maxTokens?: number
  /** Whether a line is put between [CLS] and [SEP], where the tokenizer has them. Default true. */
  readonly specialTokens?: boolean
}

/** Turn lines into tokens, `[CLS] … [SEP]`, each cut to `maxTokens` by dropping tokens at its end.
 *
 *  What a tokenizer has as [CLS] and [SEP] may have other names, RoBERTa's `<s>` and `</s>`; GPT-2's has neither, and its
 *  lines stay as they are.
 *  A line that has no token of its own (control characters only) is left out. Order is kept.
 *  @throws {UserError} when `maxTokens` leaves no room for a token.
 */
export function tokenizeLines(
  lines: readonly BookLine[],
  tokenizer: Tokenizer,
  options: TokenizeLinesOptions = {},
): TokenTable {
  const { maxTokens = 512, specialTokens = true } = options
  const { clsId, sepId } = tokenizer
  const frame = specialTokens && clsId !== null && sepId !== null ? ([clsId, sepId] as const) : null
  const room = frame === null ? maxTokens : maxTokens - 2
  if (!Number.isSafeInteger(maxTokens) || room < 1) {
    throw new UserError(
      `maxTokens must be a whole number of at least ${frame !== null ? '3 ([CLS], a token and [SEP])' : 1}, ` +
        `but it is ${maxTokens}`,
    )
  }
  const tokenized: TokenizedLine[] = []
  for (const { book, line, text } of lines) {
    const ids = tokenizer.encode(text).slice(0, room)
    if (ids.length === 0) continue
    const framed = frame === null ? ids : [frame[0], ...ids, frame[1]]
    tokenized.push({ book, line, ids: Int32Array.from(framed) })
  }
  return { lines: tokenized, maxTokens, specialTokens, vocabularyDigest: tokenizer.vocabularyDigest }
}
