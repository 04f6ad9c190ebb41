import { UserError } from '@isthmus/tensor'

/** A special token's text, or an object that has it as `content`: both are found in the wild. */
export type SpecialTokenName = string | { readonly content: string } | null

/** What special tokens are for. */
export const specialTokenRoles = ['cls', 'sep', 'pad', 'mask', 'unk'] as const
export type SpecialTokenRole = (typeof specialTokenRoles)[number]

/** Special tokens by role, as `tokenizer_config.json` and `special_tokens_map.json` name them. */
export type SpecialTokenFields = { readonly [Role in SpecialTokenRole as `${Role}_token`]?: SpecialTokenName }

/** What BERT's and RoBERTa's tokenizers call them, where no file does. */
export const conventionalTokens: Readonly<Record<SpecialTokenRole, readonly string[]>> = {
  cls: ['[CLS]', '<s>'],
  sep: ['[SEP]', '</s>'],
  pad: ['[PAD]', '<pad>'],
  mask: ['[MASK]', '<mask>'],
  unk: ['[UNK]', '<unk>'],
}

/** What a tokenizer's files say of its special tokens. */
export interface SpecialTokenSources {
  /** The content of `tokenizer.json`: its post-processor puts [CLS] before and [SEP] after a text. */
  readonly json: object
  /** `tokenizer_config.json`, then `special_tokens_map.json`; the first that names a role counts. */
  readonly named: readonly SpecialTokenFields[]
  /** The id of a token of the vocabulary. */
  tokenId(token: string): number | undefined
  /** Whether the tokenizer marks a token as special. */
  isSpecial(token: string): boolean
}

/** Find the token of each role: as it is named, else where the post-processor puts one, else by its conventional name.
 *
 *  @param file What messages call the vocabulary.
 *  @returns Ids; null for a role that no token has, as GPT-2's tokenizer has only the end of a text.
 *  @throws {UserError} naming a token that is named but not in the vocabulary.
 */
export function specialTokenIds(sources: SpecialTokenSources, file: string): Record<SpecialTokenRole, number | null> {
  const { named, tokenId, isSpecial } = sources
  const framing = framingTokens((sources.json as { post_processor?: unknown }).post_processor)
  const idOf = (role: SpecialTokenRole): number | null => {
    const name = named.map((fields) => tokenName(fields[`${role}_token`])).find((found) => found !== null) ?? null
    if (name !== null) return namedId(name, role, tokenId(name), file)
    const candidates = [...(framing[role] === undefined ? [] : [framing[role]]), ...conventionalTokens[role]]
    const token = candidates.find((candidate) => isSpecial(candidate))
    return token === undefined ? null : tokenId(token)!
  }
  return { cls: idOf('cls'), sep: idOf('sep'), pad: idOf('pad'), mask: idOf('mask'), unk: idOf('unk') }
}

/** The text of a special token's name; null where there is none. */
export function tokenName(token: SpecialTokenName | undefined): string | null {
  return (typeof token === 'object' ? token?.content : token) ?? null
}

function namedId(name: string, role: SpecialTokenRole, id: number | undefined, file: string): number {
  if (id !== undefined) return id
  throw new UserError(
    `${file} has no token '${name}', which is named as ${role}_token; add it, or name another in tokenizer_config.json`,
  )
}

/** The tokens that a post-processor of `tokenizer.json` puts before and after a single text. */
function framingTokens(processor: unknown): Partial<Record<SpecialTokenRole, string>> {
  const { type, cls, sep, single, processors } = (processor ?? {}) as {
    readonly type?: string
    readonly cls?: readonly [string, number]
    readonly sep?: readonly [string, number]
    readonly single?: readonly { readonly SpecialToken?: { readonly id: string }; readonly Sequence?: object }[]
    readonly processors?: readonly unknown[]
  }
  if (type === 'Sequence') return Object.assign({}, ...(processors ?? []).map(framingTokens))
  if (cls !== undefined && sep !== undefined) return { cls: cls[0], sep: sep[0] }
  if (single === undefined) return {}
  const text = single.findIndex(({ Sequence }) => Sequence !== undefined)
  const [before, after] = [single[text - 1]?.SpecialToken?.id, single[text + 1]?.SpecialToken?.id]
  return { ...(before === undefined ? {} : { cls: before }), ...(after === undefined ? {} : { sep: after }) }
}
