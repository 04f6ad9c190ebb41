import { type Tensor, UserError } from '@isthmus/tensor'
import { requiredToken, type Tokenizer } from './open-tokenizer.ts'
import { randomStream, sampleWithoutReplacement } from './random-stream.ts'

export interface PretrainingBlocksOptions {
  readonly tokenizer: Pick<Tokenizer, 'file' | 'clsId' | 'sepId'>
  /** Tokens a block, [CLS] and [SEP] included. */
  readonly blockLength: number
  readonly blocksPerStep: number
  /** Fixes the offsets and the order of the blocks; record it. */
  readonly seed: number
}

/** Cut a stream of tokens into the blocks that each step of pretraining reads.
 *
 *      block = [CLS] t_o … t_{o+blockLength−3} [SEP]
 *
 *  Each pass over the stream cuts it from an offset of its own, so that blocks begin elsewhere each time, and goes
 *  through its blocks in an order of its own; what fills no block at either end is left out of that pass, and all passes
 *  have the same number of blocks. Both are fixed by (seed, blockLength, number of the pass), so that the blocks of any
 *  step can be had without those of the steps before: step s reads the blocks from s · blocksPerStep on.
 *  @returns The blocks of a step, counted from 0: shape `[blocksPerStep, blockLength]`, a new buffer. The orders of the
 *    last two passes are kept.
 *  @throws {UserError} when the tokenizer has no [CLS] or [SEP], `blockLength` leaves no room for a token, or the stream
 *    is too short for one block.
 */
export function pretrainingBlocks(
  ids: Int32Array,
  { tokenizer, blockLength, blocksPerStep, seed }: PretrainingBlocksOptions,
): (step: number) => Tensor<Int32Array> {
  const [clsId, sepId] = [requiredToken(tokenizer, 'cls'), requiredToken(tokenizer, 'sep')]
  const room = roomOf(blockLength, ids.length)
  const offsets = Math.min(room, ids.length - room + 1)
  const blocksPerPass = Math.floor((ids.length - offsets + 1) / room)
  const passes = new Map<number, Pass>()

  const passNumber = (number: number): Pass => {
    const known = passes.get(number)
    if (known !== undefined) return known
    const stream = randomStream(seed, 'pass', blockLength, number)
    const offset = stream.index(offsets)
    const pass = { offset, order: sampleWithoutReplacement(stream, blocksPerPass, blocksPerPass) }
    passes.set(number, pass)
    if (passes.size > 2) passes.delete(passes.keys().next().value!)
    return pass
  }

  return (step) => {
    const data = new Int32Array(blocksPerStep * blockLength)
    for (let i = 0; i < blocksPerStep; i++) {
      const index = step * blocksPerStep + i
      const { offset, order } = passNumber(Math.floor(index / blocksPerPass))
      const start = offset + order[index % blocksPerPass]! * room
      data[i * blockLength] = clsId
      data.set(ids.subarray(start, start + room), i * blockLength + 1)
      data[(i + 1) * blockLength - 1] = sepId
    }
    return { shape: [blocksPerStep, blockLength], data }
  }
}

/** Where the blocks of a pass begin, and the order in which they are read. */
interface Pass {
  readonly offset: number
  readonly order: Int32Array
}

/** The tokens of a block beside [CLS] and [SEP]. */
function roomOf(blockLength: number, tokens: number): number {
  if (!Number.isSafeInteger(blockLength) || blockLength < 3) {
    throw new UserError(
      `a block must have a whole number of at least 3 tokens ([CLS], a token and [SEP]), but it has ${blockLength}`,
    )
  }
  if (tokens >= blockLength - 2) return blockLength - 2
  throw new UserError(
    `the training text has ${tokens} tokens, but one block of ${blockLength} needs ${blockLength - 2} beside [CLS] and ` +
      '[SEP]; give a longer text or shorter blocks',
  )
}
