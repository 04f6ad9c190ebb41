import {
  type EvaluationProtocol,
  IGNORED_LABEL,
  maskTokens,
  openTokenizer,
  readWikiRows,
  readWikiText,
  releasedCodeBlocks,
  type TextFiles,
  type Tokenizer,
  tokenBlocks,
  writeMaskedBlocks,
} from '@isthmus/corpus'
import { defineOperation, one } from '@isthmus/dataflow'
import type { Tensor } from '@isthmus/tensor'
import { z } from 'zod'
import { blocksArtifact, textArtifact, tokenizerArtifact } from './artifacts.ts'
import { blobPaths } from './blob-paths.ts'

/** How a protocol cuts a text into blocks of tokens. */
type CutText = (
  text: TextFiles,
  tokenizer: Tokenizer,
  options: { readonly name: string; readonly blockSize: number },
) => Promise<Tensor<Int32Array>>

/** Cut a text into blocks of tokens and draw the masks, once for all models, methods and λ. */
export const evaluationBlocks = evaluationOperation(
  'corpus.evaluation-blocks',
  'clean',
  async (text, tokenizer, options) => tokenBlocks(await readWikiText(text), tokenizer, options),
)

/** The same of the text as the paper's released code reads it, in characters; the masks are drawn as for `clean`. */
export const releasedCodeEvaluationBlocks = evaluationOperation(
  'corpus.evaluation-blocks-released-code',
  'released-code',
  async (text, tokenizer, options) => releasedCodeBlocks(await readWikiRows(text), tokenizer, options),
)

function evaluationOperation(id: string, protocol: EvaluationProtocol, cut: CutText) {
  return defineOperation({
    id,
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
      const all = await cut(await blobPaths(text), encoder, { name: 'the evaluation text', blockSize })
      const count = Math.min(blocks ?? Number.POSITIVE_INFINITY, all.shape[0]!)
      const used = { shape: [count, blockSize], data: all.data.subarray(0, count * blockSize) }
      const masked = maskTokens(used, { probability: maskProbability, seed, tokenizer: encoder })
      await writeMaskedBlocks(await context.createBlob('blocks'), masked, protocol)
      return {
        blocks: masked.inputIds.shape[0]!,
        selected: masked.labels.data.reduce((count, label) => count + Number(label !== IGNORED_LABEL), 0),
      }
    },
  })
}
