export { assertSameVocabulary } from './assert-same-vocabulary.ts'
export { type BlockBatch, blockBatches } from './block-batches.ts'
export { type Books, listBooks } from './list-books.ts'
export { IGNORED_LABEL, type MaskedBlocks, type MaskTokensOptions, maskTokens } from './mask-tokens.ts'
export { readMaskedBlocks, writeMaskedBlocks } from './masked-block-table.ts'
export { openTokenizer, type Tokenizer, type TokenizerFiles } from './open-tokenizer.ts'
export { type PaddedBatch, type PaddedBatchesOptions, paddedBatches } from './padded-batches.ts'
export { type RandomStream, randomStream, sampleWithoutReplacement } from './random-stream.ts'
export { readWikiText } from './read-wiki-text.ts'
export {
  type BookLine,
  type BookSample,
  type SampleBooksOptions,
  type SkippedBook,
  sampleBooks,
} from './sample-books.ts'
export { type TokenBlocksOptions, tokenBlocks } from './token-blocks.ts'
export { readTokenTable, writeTokenTable } from './token-table.ts'
export { type TokenizedLine, type TokenizeLinesOptions, type TokenTable, tokenizeLines } from './tokenize-lines.ts'
