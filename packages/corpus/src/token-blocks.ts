import { type Tensor, UserError } from '@isthmus/tensor'
import { requiredToken, type Tokenizer } from './open-tokenizer.ts'

export interface TokenBlocksOptions {
  /** What messages call the text. */
  readonly name: string
  /** Tokens a block, [CLS] and [SEP] included; at most the model's positions. Default 128. */
  readonly blockSize?: number
}

/** Cut a text into blocks of equal length.
 *
 *      block_i = [CLS] t_{i·(blockSize−2)} … t_{(i+1)·(blockSize−2)−1} [SEP]
 *
 *  where t are the tokens of all paragraphs, one after the other with nothing between; what is left at the end and
 *  fills no block is dropped.
 *  @returns Token ids, shape `[blocks, blockSize]`, a new buffer.
 *  @throws {UserError} when the tokenizer has no [CLS] or [SEP], the text has less than a block of tokens, or `blockSize`
 *    leaves no room for one.
 */
export function tokenBlocks(
  paragraphs: readonly string[],
  tokenizer: Tokenizer,
  options: TokenBlocksOptions,
): Tensor<Int32Array> {
  const { name, blockSize = 128 } = options
  if (!Number.isSafeInteger(blockSize) || blockSize < 3) {
    throw new UserError(
      `blockSize must be a whole number of at least 3 ([CLS], a token and [SEP]), but it is ${blockSize}`,
    )
  }
  const [clsId, sepId] = [requiredToken(tokenizer, 'cls'), requiredToken(tokenizer, 'sep')]
  const room = blockSize - 2
  const tokens = paragraphs.flatMap((paragraph) => tokenizer.encode(paragraph))
  const blocks = Math.floor(tokens.length / room)
  if (blocks === 0) {
    throw new UserError(
      `the text ${name} has ${tokens.length} tokens, but one block of ${blockSize} needs ${room} beside [CLS] and ` +
        '[SEP]; give a longer text or a smaller blockSize',
    )
  }
  const data = new Int32Array(blocks * blockSize)
  for (let block = 0; block < blocks; block++) {
    const start = block * blockSize
    data[start] = clsId
    data.set(tokens.slice(block * room, (block + 1) * room), start + 1)
    data[start + blockSize - 1] = sepId
  }
  return { shape: [blocks, blockSize], data }
}
