import { type Tensor, UserError } from '@isthmus/tensor'
import type { LabelledBlocks } from './block-batches.ts'
import { requiredToken, type Tokenizer } from './open-tokenizer.ts'
import { type RandomStream, randomStream } from './random-stream.ts'

/** The label of a position that has no loss. */
export const IGNORED_LABEL = -100

/** Blocks with their masks drawn, and what they were drawn by. */
export interface MaskedBlocks extends LabelledBlocks {
  readonly probability: number
  readonly seed: number
  readonly vocabularyDigest: string
}

export interface MaskTokensOptions {
  readonly tokenizer: Pick<Tokenizer, 'file' | 'vocabSize' | 'specialIds' | 'maskId' | 'vocabularyDigest'>
  /** Fixes the masks; record it. An integer of {0 … 2⁵³−1}. */
  readonly seed: number
  /** The probability with which a position is selected, in (0, 1]. Default 0.15. */
  readonly probability?: number
  /** Tells draws of one seed apart, e.g. a step of training. Default: none. */
  readonly purpose?: readonly (string | number)[]
}

/** Draw the masks of masked language modelling, once for all models that are compared.
 *
 *  Every position that holds no special token is selected independently with `probability`, so that the number of
 *  selected positions is binomial, not fixed. Of the selected positions 80 % become [MASK], 10 % a token drawn
 *  uniformly from those that are not special (which may be the same one), and 10 % stay as they are.
 *  A block's draws are fixed by (seed, purpose, its index, its ids): the first k blocks have the same masks whatever follows.
 *  @param blocks Shape `[blocks, blockSize]`, not modified.
 *  Labels are the original ids.
 *  @throws {UserError} when `probability` is out of range, the tokenizer has no mask token, an id is not in the vocabulary, or no position is selected.
 *  @see Devlin et al. (2019), BERT, §3.1 and appendix A.1.
 */
export function maskTokens(blocks: Tensor<Int32Array>, options: MaskTokensOptions): MaskedBlocks {
  const { tokenizer, seed, probability = 0.15, purpose = [] } = options
  if (!(probability > 0 && probability <= 1)) {
    throw new UserError(`probability must be greater than 0 and at most 1, but it is ${probability}`)
  }
  const maskId = requiredToken(tokenizer, 'mask')
  const ordinary = ordinaryIds(tokenizer)
  const inputIds = blocks.data.slice()
  const labels = new Int32Array(inputIds.length).fill(IGNORED_LABEL)
  const [count, blockSize] = blocks.shape as [number, number]
  let selected = 0
  for (let block = 0; block < count; block++) {
    const stream = randomStream(seed, 'mask', ...purpose, block)
    for (let i = block * blockSize; i < (block + 1) * blockSize; i++) {
      const id = inputIds[i]!
      checkId(id, i, tokenizer.vocabSize, blockSize)
      if (tokenizer.specialIds.has(id) || stream.uniform() >= probability) continue
      labels[i] = id
      inputIds[i] = corrupt(id, stream, ordinary, maskId)
      selected++
    }
  }
  if (selected === 0) {
    throw new UserError(
      `no position of the ${count} blocks was selected at probability ${probability} and seed ${seed}; ` +
        'raise the probability or give a longer text',
    )
  }
  return {
    inputIds: { shape: blocks.shape, data: inputIds },
    labels: { shape: blocks.shape, data: labels },
    probability,
    seed,
    vocabularyDigest: tokenizer.vocabularyDigest,
  }
}

function corrupt(id: number, stream: RandomStream, ordinary: Int32Array, maskId: number): number {
  const kind = stream.uniform()
  if (kind < 0.8) return maskId
  return kind < 0.9 ? ordinary[stream.index(ordinary.length)]! : id
}

function ordinaryIds({ vocabSize, specialIds }: MaskTokensOptions['tokenizer']): Int32Array {
  const ids = Int32Array.from({ length: vocabSize }, (_, id) => id).filter((id) => !specialIds.has(id))
  if (ids.length === 0) throw new UserError(`all ${vocabSize} tokens of the vocabulary are special: nothing to mask`)
  return ids
}

function checkId(id: number, position: number, vocabSize: number, blockSize: number): void {
  if (id >= 0 && id < vocabSize) return
  throw new UserError(
    `block ${Math.floor(position / blockSize)} has id ${id} at position ${position % blockSize}, but the vocabulary ` +
      `has ${vocabSize} tokens; tokenise the text with this model's tokenizer`,
  )
}
