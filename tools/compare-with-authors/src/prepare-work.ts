import { join } from 'node:path'
import { writeSafetensors } from '@isthmus/checkpoint'
import {
  listBooks,
  maskTokens,
  openTokenizer,
  readWikiText,
  sampleBooks,
  tokenBlocks,
  tokenizeLines,
} from '@isthmus/corpus'

/** How much of the text that ships is taken. */
export interface WorkSize {
  /** The part of the sampled lines of books that features are matched on. */
  readonly fraction: number
  /** Blocks of text that losses are taken on; null for all. */
  readonly blocks: number | null
}

/** How much there is to compute on. */
export interface Work {
  readonly tokens: number
  readonly blocks: number
}

const blockSize = 128

/** Make the tokens and the masks that both sides compute on: those of a study with the default settings.
 *
 *  @param path Where the safetensors file of a `SideRequest` is written.
 *  @param model The folder of a model, for its tokenizer.
 */
export async function prepareWork(
  path: string,
  model: string,
  datasets: string,
  { fraction, blocks }: WorkSize,
): Promise<Work> {
  const tokenizer = await openTokenizer(model)
  const { lines } = await sampleBooks(await listBooks(join(datasets, 'books')), { seed: 0, fraction })
  const sentences = tokenizeLines(lines, tokenizer, { maxTokens: blockSize }).lines.map(({ ids }) => ids)
  const tokens = Int32Array.from(sentences.flatMap((ids) => [...ids]))
  const all = tokenBlocks(await readWikiText(join(datasets, 'wiki/wiki.valid.raw')), tokenizer, {
    name: 'the evaluation text',
    blockSize,
  })
  const count = Math.min(blocks ?? Number.POSITIVE_INFINITY, all.shape[0]!)
  const used = { shape: [count, blockSize], data: all.data.subarray(0, count * blockSize) }
  const { inputIds, labels } = maskTokens(used, { seed: 0, tokenizer })
  const vectors = { tokens, lengths: Int32Array.from(sentences, ({ length }) => length) }
  await writeSafetensors(path, [
    ...Object.entries(vectors).map(([name, data]) => ({ name, dtype: 'I32' as const, shape: [data.length], data })),
    { name: 'input_ids', dtype: 'I32', ...inputIds },
    { name: 'labels', dtype: 'I32', ...labels },
  ])
  return { tokens: tokens.length, blocks: count }
}
