import { UserError } from '@isthmus/tensor'

/** Build the `tokenizer.json` of a byte-level BPE tokenizer, GPT-2's or RoBERTa's, from `vocab.json` and `merges.txt`.
 *
 *  @param vocabulary The content of `vocab.json`: ids by token.
 *  @param merges The text of `merges.txt`: after a line `#version: …`, a pair of tokens a line, the first merged first.
 *  @param specialTokens Tokens that are never split and stand for themselves in the text; those not in the vocabulary are
 *    left out.
 *  @param addPrefixSpace Whether a text is read as if a space stood before it (`add_prefix_space`).
 *  @param file What messages call `merges.txt`.
 *  @throws {UserError} naming a line of `merges.txt` that is no pair.
 *  @see Radford et al. (2019), Language Models are Unsupervised Multitask Learners, §2.2; Sennrich et al. (2016), BPE.
 */
export function byteLevelTokenizerJson(
  vocabulary: Readonly<Record<string, number>>,
  merges: string,
  specialTokens: readonly string[],
  addPrefixSpace: boolean,
  file: string,
): object {
  return {
    added_tokens: [...new Set(specialTokens)]
      .filter((content) => Object.hasOwn(vocabulary, content))
      .map((content) => ({
        id: vocabulary[content],
        content,
        single_word: false,
        // RoBERTa's mask stands for a word and the space before it.
        lstrip: content === '<mask>',
        rstrip: false,
        normalized: false,
        special: true,
      })),
    normalizer: null,
    pre_tokenizer: { type: 'ByteLevel', add_prefix_space: addPrefixSpace, trim_offsets: true, use_regex: true },
    post_processor: null,
    decoder: { type: 'ByteLevel', add_prefix_space: addPrefixSpace, trim_offsets: true, use_regex: true },
    model: { type: 'BPE', vocab: vocabulary, merges: parseMerges(merges, file) },
  }
}

function parseMerges(text: string, file: string): string[][] {
  const lines = text.split(/\r?\n/)
  return lines.flatMap((line, i) => {
    if (line === '' || (i === 0 && line.startsWith('#version'))) return []
    const pair = line.split(' ')
    if (pair.length === 2 && !pair.includes('')) return [pair]
    throw new UserError(
      `${file}: line ${i + 1} is '${line}', expected two tokens with a space between; restore the file`,
    )
  })
}
