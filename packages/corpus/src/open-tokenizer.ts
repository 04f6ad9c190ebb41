import { createHash } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { Tokenizer as HuggingFaceTokenizer } from '@huggingface/tokenizers'
import { UserError } from '@isthmus/tensor'
import { type SpecialTokenName, type TokenizerConfig, wordPieceTokenizerJson } from './wordpiece-tokenizer-json.ts'

/** The files that make a tokenizer, by name: `tokenizer.json` or `vocab.txt`, and perhaps `tokenizer_config.json`. */
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
  readonly clsId: number
  readonly sepId: number
  readonly padId: number
  readonly maskId: number
  readonly unkId: number
  /** The five above and every other token that the tokenizer marks as special. */
  readonly specialIds: ReadonlySet<number>
  /** Token ids of a text, without special tokens around it. */
  encode(text: string): number[]
  /** A text whose ids are these, with white space and cleaned-up punctuation as Hugging Face writes them. */
  decode(ids: readonly number[] | Int32Array): string
}

const ROLES = ['cls', 'sep', 'pad', 'mask', 'unk'] as const
type Role = (typeof ROLES)[number]

/** Open a tokenizer from `tokenizer.json`, or from the `vocab.txt` of a BERT where there is no `tokenizer.json`.
 *
 *  `tokenizer_config.json` is used where present: for the names of the special tokens and, beside `vocab.txt`, for
 *  `do_lower_case` (default true), `strip_accents` and `tokenize_chinese_chars`.
 *  @param source A folder, or the paths of the files by name.
 *  @param name What messages call the folder; each file's path is used where none is given.
 *  @throws {UserError} when there is no vocabulary, a file cannot be read or parsed, ids have a gap, or a special token
 *    is missing.
 */
export async function openTokenizer(source: string | TokenizerFiles, name?: string): Promise<Tokenizer> {
  const files = await readTokenizerFiles(source, name)
  const config = (files.config === undefined ? {} : parseJson(files.config)) as TokenizerConfig
  const specialTokens = specialTokenNames(config)
  const { file, text } = files.vocabulary
  const json =
    files.kind === 'tokenizer.json'
      ? parseJson(files.vocabulary)
      : wordPieceTokenizerJson(text, config, Object.values(specialTokens), specialTokens.unk, file)
  const library = construct(json, config, file)
  const vocabulary = vocabularyById(library, file)
  const ids = specialTokenIds(library, specialTokens, file)
  const added = [...library.get_added_tokens_decoder().values()].filter((token) => token.special)
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
    specialIds: new Set([...Object.values(ids), ...added.map((token) => token.id)]),
    encode: (text) => library.encode(text, { add_special_tokens: false }).ids,
    decode: (tokens) => (tokens.length === 0 ? '' : library.decode([...tokens])),
  }
}

interface NamedText {
  readonly file: string
  readonly text: string
}

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
  const config = await read('tokenizer_config.json')
  for (const kind of ['tokenizer.json', 'vocab.txt'] as const) {
    const vocabulary = await read(kind)
    if (vocabulary !== undefined) return { kind, vocabulary, config }
  }
  const folder =
    name ?? (typeof source === 'string' ? source : `the files ${Object.keys(source).join(', ') || '(none)'}`)
  throw new UserError(
    `no tokenizer in ${folder}: expected tokenizer.json or vocab.txt; copy one from where the model was published`,
  )
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

function specialTokenNames(config: TokenizerConfig): Record<Role, string> {
  const name = (token: SpecialTokenName | undefined, standard: string) =>
    (typeof token === 'object' ? token?.content : token) ?? standard
  return {
    cls: name(config.cls_token, '[CLS]'),
    sep: name(config.sep_token, '[SEP]'),
    pad: name(config.pad_token, '[PAD]'),
    mask: name(config.mask_token, '[MASK]'),
    unk: name(config.unk_token, '[UNK]'),
  }
}

function specialTokenIds(library: HuggingFaceTokenizer, names: Record<Role, string>, file: string) {
  const id = (role: Role): number => {
    const found = library.token_to_id(names[role])
    if (found === undefined) {
      throw new UserError(
        `${file} has no token '${names[role]}'; add it, or name the token that takes its place as ${role}_token in ` +
          'tokenizer_config.json',
      )
    }
    return found
  }
  return { cls: id('cls'), sep: id('sep'), pad: id('pad'), mask: id('mask'), unk: id('unk') }
}

function vocabularyById(library: HuggingFaceTokenizer, file: string): string[] {
  const tokens: string[] = []
  for (const [token, id] of library.get_vocab(true)) tokens[id] = token
  // An id that no token has is a hole, or is listed under the token undefined; Array.from makes both undefined.
  const gap = Array.from(tokens).indexOf(undefined as never)
  if (gap === -1) return tokens
  throw new UserError(`${file}: no token has id ${gap}, but ids go up to ${tokens.length - 1}; restore the file`)
}
