import { nextTokenBlocks, openTokenizer, sampleBooks, tokenBlocks, writeTokenBlocks } from '@isthmus/corpus'
import { defineOperation, one } from '@isthmus/dataflow'
import { z } from 'zod'
import { booksArtifact, tokenBlocksArtifact, tokenizerArtifact } from './artifacts.ts'
import { blobPaths } from './blob-paths.ts'

/** Sample lines of books as alignment does, and cut them into blocks of tokens: what permutations are learned from. */
export const learningBlocks = defineOperation({
  id: 'corpus.learning-blocks',
  version: 1,
  inputs: { books: one(booksArtifact), tokenizer: one(tokenizerArtifact) },
  params: z.object({
    linesPerBook: z.int(),
    fraction: z.number(),
    seed: z.int(),
    objective: z.enum(['maskedLanguageModel', 'nextToken']),
    blockSize: z.int(),
  }),
  value: tokenBlocksArtifact,
  async run(context, { books, tokenizer }, { objective, blockSize, ...sampling }) {
    const encoder = await openTokenizer(await blobPaths(tokenizer))
    const { lines } = await sampleBooks(await blobPaths(books), sampling)
    const texts = lines.map(({ text }) => text)
    const options = { name: 'of the sampled books', blockSize }
    const inputIds =
      objective === 'nextToken' ? nextTokenBlocks(texts, encoder, options) : tokenBlocks(texts, encoder, options)
    const { vocabularyDigest } = encoder
    await writeTokenBlocks(await context.createBlob('blocks'), { inputIds, vocabularyDigest })
    return { blocks: inputIds.shape[0]! }
  },
})
