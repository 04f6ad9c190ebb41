export { assertSameVocabulary } from './assert-same-vocabulary.ts'
export { type BlockBatch, blockBatches, type LabelledBlocks } from './block-batches.ts'
export { readTokenBlocks, type TokenBlocks, writeTokenBlocks } from './block-table.ts'
export { decodeImage } from './decode-image.ts'
export {
  type EncodedTask,
  type EncodedText,
  type EncodeTaskOptions,
  encodeTask,
} from './encode-task.ts'
export type { EvaluationBatch } from './evaluation-batch.ts'
export type { FeatureBatch } from './feature-batch.ts'
export { glueTasks } from './glue-tasks.ts'
export { type ImageBatch, imageBatches, imageFeatureBatches } from './image-batches.ts'
export { imageLabels } from './image-labels.ts'
export {
  type ImagePreprocessing,
  imagePreprocessing,
  normalizedValues,
  readImagePreprocessing,
} from './image-preprocessing.ts'
export { type ImageTable, readImageTable, writeImageTable } from './image-table.ts'
export { type Books, listBooks } from './list-books.ts'
export { type Images, listImages } from './list-images.ts'
export type { ParquetShards } from './list-parquet-shards.ts'
export { listTaskFiles } from './list-task-files.ts'
export { IGNORED_LABEL, type MaskedBlocks, type MaskTokensOptions, maskTokens } from './mask-tokens.ts'
export { type EvaluationProtocol, readMaskedBlocks, writeMaskedBlocks } from './masked-block-table.ts'
export { nextTokenBlocks, nextTokenLabels } from './next-token-blocks.ts'
export { openTask } from './open-task.ts'
export { openTokenizer, type Tokenizer, type TokenizerFiles } from './open-tokenizer.ts'
export { type PaddedBatch, type PaddedBatchesOptions, paddedBatches } from './padded-batches.ts'
export type { PairFrame } from './pair-frame.ts'
export { type PretrainingBlocksOptions, pretrainingBlocks } from './pretraining-blocks.ts'
export { type RandomStream, randomStream, sampleWithoutReplacement } from './random-stream.ts'
export { readTaskRows, type TaskRow, type TaskRows } from './read-task-rows.ts'
export { listWikiText, readWikiRows, readWikiText, type TextFiles } from './read-wiki-text.ts'
export { releasedCodeBlocks } from './released-code-blocks.ts'
export {
  type BookLine,
  type BookSample,
  type SampleBooksOptions,
  type SkippedBook,
  sampleBooks,
} from './sample-books.ts'
export { imageClass, type SampleImagesOptions, sampleImages } from './sample-images.ts'
export { type TaskBatch, taskBatch, taskBatches } from './task-batches.ts'
export { readTaskTable, writeTaskTable } from './task-table.ts'
export {
  type TaskColumns,
  type TaskFiles,
  type TaskLabels,
  type TaskMetric,
  type TaskSplit,
  type TaskTables,
  type TextTask,
  taskMetrics,
} from './text-task.ts'
export { type TokenBlocksOptions, tokenBlocks } from './token-blocks.ts'
export { type TokenStream, tokenStream } from './token-stream.ts'
export { readTokenStream, writeTokenStream } from './token-stream-table.ts'
export { readTokenTable, writeTokenTable } from './token-table.ts'
export { type TokenizedLine, type TokenizeLinesOptions, type TokenTable, tokenizeLines } from './tokenize-lines.ts'
export { type TrainingText, trainingParagraphs } from './training-paragraphs.ts'
