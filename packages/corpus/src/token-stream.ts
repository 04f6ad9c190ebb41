import type { Tokenizer } from './open-tokenizer.ts'

/** A text as one sequence of tokens. */
export interface TokenStream {
  /** Shape `[tokens]`, no special tokens among them. */
  readonly ids: Int32Array
  readonly vocabularyDigest: string
}

/** Turn paragraphs into tokens, one after the other with nothing between. */
export async function tokenStream(
  paragraphs: Iterable<string> | AsyncIterable<string>,
  tokenizer: Pick<Tokenizer, 'encode' | 'vocabularyDigest'>,
): Promise<TokenStream> {
  let ids = new Int32Array(1 << 16)
  let length = 0
  for await (const paragraph of paragraphs) {
    const own = tokenizer.encode(paragraph)
    if (length + own.length > ids.length) {
      const grown = new Int32Array(2 * (length + own.length))
      grown.set(ids)
      ids = grown
    }
    ids.set(own, length)
    length += own.length
  }
  return { ids: ids.slice(0, length), vocabularyDigest: tokenizer.vocabularyDigest }
}
