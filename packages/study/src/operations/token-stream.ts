import { openTokenizer, tokenStream, trainingParagraphs, writeTokenStream } from '@isthmus/corpus'
import { defineOperation, one } from '@isthmus/dataflow'
import { z } from 'zod'
import { booksArtifact, textArtifact, tokenizerArtifact, tokenStreamArtifact } from './artifacts.ts'
import { blobPaths } from './blob-paths.ts'

/** Turn the text that a family is trained on into one stream of tokens: the books, then the WikiText. */
export const trainingTokens = defineOperation({
  id: 'corpus.token-stream',
  version: 1,
  inputs: { books: one(booksArtifact), wikitext: one(textArtifact), tokenizer: one(tokenizerArtifact) },
  params: z.object({}),
  value: tokenStreamArtifact,
  async run(context, { books, wikitext, tokenizer }) {
    const encoder = await openTokenizer(await blobPaths(tokenizer))
    const text = { books: await blobPaths(books), wikitext: await blobPaths(wikitext) }
    const stream = await tokenStream(trainingParagraphs(text), encoder)
    await writeTokenStream(await context.createBlob('tokens'), stream)
    return { streamTokens: stream.ids.length }
  },
})
