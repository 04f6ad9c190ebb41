import { UserError } from '@isthmus/tensor'
import type { SpecialTokenFields } from './special-tokens.ts'

/** The fields of `tokenizer_config.json` that decide how text is read, and what special tokens are called. */
export interface TokenizerConfig extends SpecialTokenFields {
  readonly do_lower_case?: boolean
  readonly strip_accents?: boolean | null
  readonly tokenize_chinese_chars?: boolean
  /** Of byte-level tokenizers. */
  readonly add_prefix_space?: boolean
}

/** Build the `tokenizer.json` of a BERT WordPiece tokenizer from its `vocab.txt`.
 *
 *  @param text The file: one token a line, the line number counted from 0 is the token's id.
 *  @param specialTokens Tokens that are never split and stand for themselves in the text.
 *  @param file What messages call the file.
 *  @throws {UserError} when a token stands on two lines, a line is empty, or `unknownToken` stands on none.
 *  @see Devlin et al. (2019), BERT; Wu et al. (2016), §4.1 (WordPiece).
 */
export function wordPieceTokenizerJson(
  text: string,
  config: TokenizerConfig,
  specialTokens: readonly string[],
  unknownToken: string,
  file: string,
): object {
  const vocabulary = parseVocabulary(text, file)
  if (!vocabulary.has(unknownToken)) {
    throw new UserError(
      `${file} has no token '${unknownToken}'; add it, or name the token that takes its place as unk_token in ` +
        'tokenizer_config.json',
    )
  }
  return {
    added_tokens: specialTokens
      .filter((content) => vocabulary.has(content))
      .map((content) => ({
        id: vocabulary.get(content),
        content,
        single_word: false,
        lstrip: false,
        rstrip: false,
        normalized: false,
        special: true,
      })),
    normalizer: {
      type: 'BertNormalizer',
      clean_text: true,
      handle_chinese_chars: config.tokenize_chinese_chars ?? true,
      strip_accents: config.strip_accents ?? null,
      lowercase: config.do_lower_case ?? true,
    },
    pre_tokenizer: { type: 'BertPreTokenizer' },
    post_processor: null,
    decoder: { type: 'WordPiece', prefix: '##', cleanup: true },
    model: {
      type: 'WordPiece',
      unk_token: unknownToken,
      continuing_subword_prefix: '##',
      max_input_chars_per_word: 100,
      vocab: Object.fromEntries(vocabulary),
    },
  }
}

function parseVocabulary(text: string, file: string): Map<string, number> {
  const lines = text.replace(/\r?\n$/, '').split(/\r?\n/)
  const vocabulary = new Map<string, number>()
  lines.forEach((token, id) => {
    if (token === '') throw new UserError(`${file}: line ${id + 1} is empty, expected a token; restore the file`)
    const first = vocabulary.get(token)
    if (first !== undefined) {
      throw new UserError(`${file}: token '${token}' stands on lines ${first + 1} and ${id + 1}; restore the file`)
    }
    vocabulary.set(token, id)
  })
  return vocabulary
}
