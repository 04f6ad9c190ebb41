import { nextTokenBlocks, openTokenizer, readWikiText, writeTokenBlocks } from '@isthmus/corpus'
import { defineOperation, one } from '@isthmus/dataflow'
import { z } from 'zod'
import { nextTokenBlocksArtifact, textArtifact, tokenizerArtifact } from './artifacts.ts'
import { blobPaths } from './blob-paths.ts'

/** Cut a text into blocks of tokens on which the loss of the next token is taken. */
export const nextTokenEvaluationBlocks = defineOperation({
  id: 'corpus.next-token-blocks',
  version: 1,
  inputs: { text: one(textArtifact), tokenizer: one(tokenizerArtifact) },
  params: z.object({ blockSize: z.int(), blocks: z.int().nullable() }),
  value: nextTokenBlocksArtifact,
  async run(context, { text, tokenizer }, { blockSize, blocks }) {
    const encoder = await openTokenizer(await blobPaths(tokenizer))
    const paragraphs = await readWikiText(await blobPaths(text))
    const { shape, data } = nextTokenBlocks(paragraphs, encoder, { name: 'the evaluation text', blockSize })
    const count = Math.min(blocks ?? Number.POSITIVE_INFINITY, shape[0]!)
    const inputIds = { shape: [count, blockSize], data: data.subarray(0, count * blockSize) }
    const { vocabularyDigest } = encoder
    await writeTokenBlocks(await context.createBlob('blocks'), { inputIds, vocabularyDigest })
    return { blocks: count, predictions: count * (blockSize - 1) }
  },
})
