import { openTokenizer, sampleBooks, tokenizeLines, writeTokenTable } from '@isthmus/corpus'
import { defineOperation, one } from '@isthmus/dataflow'
import { z } from 'zod'
import { booksArtifact, tokenizerArtifact, tokensArtifact } from './artifacts.ts'
import { blobPaths } from './blob-paths.ts'

/** Sample lines of books and tokenise them: the tokens on which features are matched. */
export const alignmentTokens = defineOperation({
  id: 'corpus.alignment-tokens',
  version: 1,
  inputs: { books: one(booksArtifact), tokenizer: one(tokenizerArtifact) },
  params: z.object({
    linesPerBook: z.int(),
    fraction: z.number(),
    seed: z.int(),
    maxTokens: z.int(),
    specialTokens: z.boolean(),
  }),
  value: tokensArtifact,
  async run(context, { books, tokenizer }, { linesPerBook, fraction, seed, maxTokens, specialTokens }) {
    const sample = await sampleBooks(await blobPaths(books), { linesPerBook, fraction, seed })
    const encoder = await openTokenizer(await blobPaths(tokenizer))
    const table = tokenizeLines(sample.lines, encoder, { maxTokens, specialTokens })
    await writeTokenTable(await context.createBlob('tokens'), table)
    return {
      lines: table.lines.length,
      tokens: table.lines.reduce((sum, { ids }) => sum + ids.length, 0),
      books: new Set(sample.lines.map(({ book }) => book)).size,
      skippedBooks: sample.skipped.map(({ book }) => book),
    }
  },
})
