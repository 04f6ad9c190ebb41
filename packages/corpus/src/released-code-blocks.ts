import { type Tensor, UserError } from '@isthmus/tensor'
import { requiredToken, type Tokenizer } from './open-tokenizer.ts'
import type { TokenBlocksOptions } from './token-blocks.ts'

/** Rows that are concatenated together at most, and the processes that share the rows out, in the released code. */
const [batchRows, processes] = [1000, 4]

/** Cut a text into blocks as the released code of Verma & Elbayad does, whose `' '.join` takes a line for a list of words.
 *
 *      tokens of a row = [CLS] c₁ c₂ … [SEP],   the row's characters c tokenised as words of one letter
 *
 *  Every row counts, the empty ones as `[CLS] [SEP]`, and none is truncated. Rows are concatenated, special tokens
 *  included, and cut into blocks; what is left at the end and fills no block is dropped. That happens in batches: the
 *  rows are shared out among four processes, the first rows to the first, and each takes 1,000 at a time; so WikiText's
 *  3,760 rows lose four remainders. A batch that fills no block is dropped here, where theirs makes a shorter block.
 *  @param rows The lines of a text, in order: see `readWikiRows`.
 *  @returns Token ids, shape `[blocks, blockSize]`, a new buffer.
 *  @throws {UserError} when no batch has a block of tokens, the tokenizer has no [CLS] or [SEP], or `blockSize` is no
 *    number of tokens.
 *  @see Verma & Elbayad (2024), evaluation/graphing_mlm.py of the released code.
 */
export function releasedCodeBlocks(
  rows: readonly string[],
  tokenizer: Pick<Tokenizer, 'file' | 'encode' | 'clsId' | 'sepId'>,
  options: TokenBlocksOptions,
): Tensor<Int32Array> {
  const { name, blockSize = 128 } = options
  if (!Number.isSafeInteger(blockSize) || blockSize < 1) {
    throw new UserError(`blockSize must be a whole number of at least 1, but it is ${blockSize}`)
  }
  const [clsId, sepId] = [requiredToken(tokenizer, 'cls'), requiredToken(tokenizer, 'sep')]
  const ids: number[] = []
  let longest = 0
  for (const batch of batchesOf(rows)) {
    const tokens = batch.flatMap((row) => [clsId, ...tokenizer.encode(spaced(row)), sepId])
    longest = Math.max(longest, tokens.length)
    for (const id of tokens.slice(0, tokens.length - (tokens.length % blockSize))) ids.push(id)
  }
  if (ids.length === 0) {
    throw new UserError(
      `the text ${name} has at most ${longest} characters and special tokens in a batch of rows, but one block needs ` +
        `${blockSize}; give a longer text or a smaller blockSize`,
    )
  }
  return { shape: [ids.length / blockSize, blockSize], data: Int32Array.from(ids) }
}

/** A space between any two characters, which are Unicode's code points. */
function spaced(row: string): string {
  return Array.from(row).join(' ')
}

function* batchesOf(rows: readonly string[]): Generator<readonly string[]> {
  for (let process = 0; process < processes; process++) {
    // The first processes have one row more where the rows cannot be shared out evenly.
    const start = shareOf(rows.length, process)
    const share = rows.slice(start, shareOf(rows.length, process + 1))
    for (let first = 0; first < share.length; first += batchRows) yield share.slice(first, first + batchRows)
  }
}

/** How many of `count` rows come before a process's own. */
function shareOf(count: number, process: number): number {
  return Math.floor(count / processes) * process + Math.min(process, count % processes)
}
