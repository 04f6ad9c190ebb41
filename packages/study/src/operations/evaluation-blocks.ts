import { IGNORED_LABEL, maskTokens, openTokenizer, readWikiText, tokenBlocks, writeMaskedBlocks } from '@isthmus/corpus'
import { defineOperation, one } from '@isthmus/dataflow'
import { z } from 'zod'
import { blocksArtifact, textArtifact, tokenizerArtifact } from './artifacts.ts'
import { blobPaths } from './blob-paths.ts'

/** Cut a text into blocks of tokens and draw the masks, once for all models, methods and λ. */
export const evaluationBlocks = defineOperation({
  id: 'corpus.evaluation-blocks',
  version: 1,
  inputs: { text: one(textArtifact), tokenizer: one(tokenizerArtifact) },
  params: z.object({
    blockSize: z.int(),
    maskProbability: z.number(),
    seed: z.int(),
    blocks: z.int().nullable(),
  }),
  value: blocksArtifact,
  async run(context, { text, tokenizer }, { blockSize, maskProbability, seed, blocks }) {
    const encoder = await openTokenizer(await blobPaths(tokenizer))
    const paragraphs = await readWikiText(await text.path('text'))
    const all = tokenBlocks(paragraphs, encoder, { name: 'the evaluation text', blockSize })
    const count = Math.min(blocks ?? Number.POSITIVE_INFINITY, all.shape[0]!)
    const used = { shape: [count, blockSize], data: all.data.subarray(0, count * blockSize) }
    const masked = maskTokens(used, { probability: maskProbability, seed, tokenizer: encoder })
    await writeMaskedBlocks(await context.createBlob('blocks'), masked)
    return {
      blocks: masked.inputIds.shape[0]!,
      selected: masked.labels.data.reduce((count, label) => count + Number(label !== IGNORED_LABEL), 0),
    }
  },
})
