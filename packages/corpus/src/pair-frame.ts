/** How a tokenizer joins two texts. */
export interface PairFrame {
  /** How many [SEP] stand between them: BERT has one, RoBERTa two. */
  readonly separators: number
  /** The token type of the second text and of the [SEP] after it: BERT's is 1, RoBERTa, which has no types, says 0. */
  readonly secondType: 0 | 1
}

interface TemplatePiece {
  readonly Sequence?: { readonly id: 'A' | 'B'; readonly type_id?: number }
  readonly SpecialToken?: object
}

interface PostProcessor {
  readonly type?: string
  readonly pair?: readonly TemplatePiece[]
  readonly processors?: readonly PostProcessor[]
}

const bertPairs: PairFrame = { separators: 1, secondType: 1 }
const robertaPairs: PairFrame = { separators: 2, secondType: 0 }

/** Find how a tokenizer joins two texts: as its post-processor does, else by convention.
 *
 *      BERT      [CLS] a [SEP] b [SEP]        types 0 … 0 1 … 1
 *      RoBERTa   <s> a </s> </s> b </s>       types 0
 *
 *  @param json The content of `tokenizer.json`.
 *  @returns Where no post-processor says it, RoBERTa's way for a byte-level vocabulary and BERT's for any other.
 */
export function pairFrame(json: object): PairFrame {
  const { post_processor: processor, pre_tokenizer: preTokenizer } = json as {
    readonly post_processor?: PostProcessor | null
    readonly pre_tokenizer?: { readonly type?: string } | null
  }
  const framing = processorFrame(processor ?? {})
  return framing ?? (preTokenizer?.type === 'ByteLevel' ? robertaPairs : bertPairs)
}

function processorFrame({ type, pair, processors = [] }: PostProcessor): PairFrame | undefined {
  if (type === 'BertProcessing') return bertPairs
  if (type === 'RobertaProcessing') return robertaPairs
  if (type === 'Sequence') return processors.map(processorFrame).find((found) => found !== undefined)
  if (pair === undefined) return undefined
  const first = pair.findIndex(({ Sequence }) => Sequence?.id === 'A')
  const second = pair.findIndex(({ Sequence }) => Sequence?.id === 'B')
  if (second <= first) return undefined
  return { separators: second - first - 1, secondType: pair[second]!.Sequence!.type_id === 1 ? 1 : 0 }
}
