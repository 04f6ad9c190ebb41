import { createHash } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { Tokenizer as HuggingFaceTokenizer } from '@huggingface/tokenizers'
import { UserError } from '@isthmus/tensor'
import { byteLevelTokenizerJson } from './byte-level-tokenizer-json.ts'
import { type PairFrame, pairFrame } from './pair-frame.ts'
import {
  conventionalTokens,
  type SpecialTokenFields,
  type SpecialTokenRole,
  specialTokenIds,
  specialTokenRoles,
  tokenName,
} from './special-tokens.ts'
import { type TokenizerConfig, wordPieceTokenizerJson } from './wordpiece-tokenizer-json.ts'

/** The files that make a tokenizer, by name: `tokenizer.json`, `vocab.txt`, or `vocab.json` and `merges.txt`; and perhaps
 *  `tokenizer_config.json` and `special_tokens_map.json`.
 */
export type TokenizerFiles = Readonly<Record<string, string>>

/** What text becomes token ids with. */
export interface Tokenizer {
  /** The file that the vocabulary was read from, as messages call it. */
  readonly file: string
  /** Tokens by id. */
  readonly vocabulary: readonly string[]
  readonly vocabSize: number
  /** SHA-256, in hexadecimal, of the UTF-8 JSON array of the tokens by id: equal where ids mean the same. */
  readonly vocabularyDigest: string
  /** Stands before a text: [CLS], RoBERTa's `<s>`; null where a tokenizer has none, as all of these may be. */
  readonly clsId: number | null
  /** Stands after a text: [SEP], RoBERTa's `</s>`. */
  readonly sepId: number | null
  readonly padId: number | null
  readonly maskId: number | null
  readonly unkId: number | null
  /** Those of the five above that there are, and every other token that the tokenizer marks as special. */
  readonly specialIds: ReadonlySet<number>
  /** How two texts are joined. */
  readonly pairFrame: PairFrame
  /** Token ids of a text, without special tokens around it. */
  encode(text: string): number[]
  /** A text whose ids are these, with white space and cleaned-up punctuation as Hugging Face writes them. */
  decode(ids: readonly number[] | Int32Array): string
}

/** Open a tokenizer from `tokenizer.json`; where there is none, from the `vocab.txt` of a BERT, or the `vocab.json` and
 *  `merges.txt` of a GPT-2 or RoBERTa.
 *
 *  `tokenizer_config.json` is used where present: for the names of the special tokens and, beside `vocab.txt`, for
 *  `do_lower_case` (default true), `strip_accents` and `tokenize_chinese_chars`, beside `vocab.json` for
 *  `add_prefix_space` (default false). How special tokens are found: {@link specialTokenIds}.
 *  @param source A folder, or the paths of the files by name.
 *  @param name What messages call the folder; each file's path is used where none is given.
 *  @throws {UserError} when there is no vocabulary, a file cannot be read or parsed, ids have a gap, or a special token
 *    that is named is missing.
 */
export async function openTokenizer(source: string | TokenizerFiles, name?: string): Promise<Tokenizer> {
  const files = await readTokenizerFiles(source, name)
  const config: TokenizerConfig = files.config === undefined ? {} : parseJson(files.config)
  const map: SpecialTokenFields = files.specialTokens === undefined ? {} : parseJson(files.specialTokens)
  const { file } = files.vocabulary
  const json = tokenizerJson(files, config, [config, map])
  const library = construct(json, config, file)
  const vocabulary = vocabularyById(library, file)
  const added = [...library.get_added_tokens_decoder().values()].filter((token) => token.special)
  const ids = specialTokenIds(
    {
      json,
      named: [config, map],
      tokenId: (token) => library.token_to_id(token),
      isSpecial: (token) => added.some(({ content }) => content === token),
    },
    file,
  )
  const roles = Object.values(ids).filter((id) => id !== null)
  return {
    file,
    vocabulary,
    vocabSize: vocabulary.length,
    vocabularyDigest: createHash('sha256').update(JSON.stringify(vocabulary)).digest('hex'),
    clsId: ids.cls,
    sepId: ids.sep,
    padId: ids.pad,
    maskId: ids.mask,
    unkId: ids.unk,
    specialIds: new Set([...roles, ...added.map((token) => token.id)]),
    pairFrame: pairFrame(json),
    encode: (text) => library.encode(text, { add_special_tokens: false }).ids,
    decode: (tokens) => (tokens.length === 0 ? '' : library.decode([...tokens])),
  }
}

/** The id of a special token without which text cannot be prepared.
 *
 *  @param purpose What needs it, for the error.
 *  @throws {UserError} when the tokenizer has none.
 */
export function requiredToken<Role extends 'cls' | 'sep' | 'mask'>(
  tokenizer: Pick<Tokenizer, 'file' | `${Role}Id`>,
  role: Role,
  purpose = 'masked language modelling',
): number {
  const id = (tokenizer as Readonly<Record<string, unknown>>)[`${role}Id`] as number | null
  if (id !== null) return id
  throw new UserError(
    `${tokenizer.file} has no ${role} token, which ${purpose} needs; name it as ${role}_token in ` +
      'tokenizer_config.json, or choose a model that was trained so',
  )
}

interface NamedText {
  readonly file: string
  readonly text: string
}

type VocabularyFiles =
  | { readonly kind: 'tokenizer.json' | 'vocab.txt'; readonly vocabulary: NamedText }
  | { readonly kind: 'vocab.json'; readonly vocabulary: NamedText; readonly merges: NamedText }

async function readTokenizerFiles(source: string | TokenizerFiles, name: string | undefined) {
  const read = async (base: string): Promise<NamedText | undefined> => {
    const path = typeof source === 'string' ? join(source, base) : source[base]
    if (path === undefined) return undefined
    const file = name === undefined ? path : `${name}/${base}`
    try {
      return { file, text: await readFile(path, 'utf8') }
    } catch (cause) {
      const { code, message } = cause as NodeJS.ErrnoException
      if (code === 'ENOENT' && typeof source === 'string') return undefined
      throw new UserError(`cannot read ${file}: ${message}; check the path`, { cause })
    }
  }
  const found = await readVocabulary(read)
  if (found !== undefined) {
    const config = await read('tokenizer_config.json')
    return { ...found, config, specialTokens: await read('special_tokens_map.json') }
  }
  const folder =
    name ?? (typeof source === 'string' ? source : `the files ${Object.keys(source).join(', ') || '(none)'}`)
  throw new UserError(
    `no tokenizer in ${folder}: expected tokenizer.json, vocab.txt, or vocab.json and merges.txt; copy one from where ` +
      'the model was published',
  )
}

async function readVocabulary(
  read: (base: string) => Promise<NamedText | undefined>,
): Promise<VocabularyFiles | undefined> {
  for (const kind of ['tokenizer.json', 'vocab.txt'] as const) {
    const vocabulary = await read(kind)
    if (vocabulary !== undefined) return { kind, vocabulary }
  }
  const [vocabulary, merges] = [await read('vocab.json'), await read('merges.txt')]
  if (vocabulary === undefined || merges === undefined) return undefined
  return { kind: 'vocab.json', vocabulary, merges }
}

/** The content of `tokenizer.json`: as it is, or made from the older files. */
function tokenizerJson(files: VocabularyFiles, config: TokenizerConfig, named: readonly SpecialTokenFields[]): object {
  const { file, text } = files.vocabulary
  if (files.kind === 'tokenizer.json') return parseJson(files.vocabulary)
  const names = (role: SpecialTokenRole) => named.flatMap((fields) => tokenName(fields[`${role}_token`]) ?? [])
  const special = [...new Set(specialTokenRoles.flatMap((role) => [...names(role), ...conventionalTokens[role]]))]
  if (files.kind === 'vocab.json') {
    const { merges } = files
    const vocabulary = parseVocabularyJson(parseJson(files.vocabulary), file)
    const endOfText = '<|endoftext|>'
    const prefixed = config.add_prefix_space ?? false
    return byteLevelTokenizerJson(vocabulary, merges.text, [...special, endOfText], prefixed, merges.file)
  }
  return wordPieceTokenizerJson(text, config, special, names('unk')[0] ?? conventionalTokens.unk[0]!, file)
}

function parseVocabularyJson(json: object, file: string): Record<string, number> {
  const wrong = Object.entries(json).find(([, id]) => !Number.isSafeInteger(id) || id < 0)
  if (wrong === undefined) return json as Record<string, number>
  throw new UserError(`${file}: token '${wrong[0]}' has the id ${JSON.stringify(wrong[1])}; restore the file`)
}

function parseJson({ file, text }: NamedText): object {
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch (cause) {
    throw new UserError(`${file} is not JSON: ${(cause as Error).message}; restore the file`, { cause })
  }
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value
  throw new UserError(`${file} holds ${text.slice(0, 20)}, expected a JSON object; restore the file`)
}

function construct(json: object, config: TokenizerConfig, file: string): HuggingFaceTokenizer {
  try {
    return new HuggingFaceTokenizer(json, config)
  } catch (cause) {
    throw new UserError(`${file} is not a tokenizer that can be used: ${(cause as Error).message}; restore the file`, {
      cause,
    })
  }
}

function vocabularyById(library: HuggingFaceTokenizer, file: string): string[] {
  const tokens: string[] = []
  for (const [token, id] of library.get_vocab(true)) tokens[id] = token
  // An id that no token has is a hole, or is listed under the token undefined; Array.from makes both undefined.
  const gap = Array.from(tokens).indexOf(undefined as never)
  if (gap === -1) return tokens
  throw new UserError(`${file}: no token has id ${gap}, but ids go up to ${tokens.length - 1}; restore the file`)
}
