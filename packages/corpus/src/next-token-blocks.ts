import { type Tensor, UserError } from '@isthmus/tensor'
import { IGNORED_LABEL } from './mask-tokens.ts'
import type { Tokenizer } from './open-tokenizer.ts'
import type { TokenBlocksOptions } from './token-blocks.ts'

/** Cut a text into blocks of equal length for a model that predicts the next token.
 *
 *      block_i = t_{i·blockSize} … t_{(i+1)·blockSize−1}
 *
 *  where t are the tokens of all paragraphs, one after the other with nothing between, and no special tokens around them;
 *  what is left at the end and fills no block is dropped.
 *  @returns Token ids, shape `[blocks, blockSize]`, a new buffer.
 *  @throws {UserError} when the text has less than a block of tokens, or a block has no token to predict.
 */
export function nextTokenBlocks(
  paragraphs: readonly string[],
  tokenizer: Pick<Tokenizer, 'encode'>,
  { name, blockSize = 128 }: TokenBlocksOptions,
): Tensor<Int32Array> {
  if (!Number.isSafeInteger(blockSize) || blockSize < 2) {
    throw new UserError(`blockSize must be a whole number of at least 2 (a token and the next), but it is ${blockSize}`)
  }
  const tokens = paragraphs.flatMap((paragraph) => tokenizer.encode(paragraph))
  const blocks = Math.floor(tokens.length / blockSize)
  if (blocks === 0) {
    throw new UserError(
      `the text ${name} has ${tokens.length} tokens, but one block needs ${blockSize}; ` +
        'give a longer text or a smaller blockSize',
    )
  }
  return { shape: [blocks, blockSize], data: Int32Array.from(tokens.slice(0, blocks * blockSize)) }
}

/** What is to be predicted at every position of blocks: the token that follows.
 *
 *      label_{i, j} = block_{i, j+1}
 *
 *  The last position of a block has none, for the next block starts without what stands before it.
 *  @param blocks Shape `[blocks, blockSize]`, not modified.
 *  @returns Shape `[blocks, blockSize]`, −100 at the last position of each block.
 */
export function nextTokenLabels({ shape, data }: Tensor<Int32Array>): Tensor<Int32Array> {
  const blockSize = shape[1]!
  const labels = data.map((_, i) => ((i + 1) % blockSize === 0 ? IGNORED_LABEL : data[i + 1]!))
  return { shape, data: labels }
}
