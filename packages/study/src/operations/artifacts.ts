import { trainingCurvePoint } from '@isthmus/training'
import { z } from 'zod'

/** The values of the artifacts that pass between operations; the blobs are named in the comments. */

/** A checkpoint of the user. Blobs: its files by name, as in `checkpointFiles`. */
export const checkpointArtifact = z.object({ kind: z.literal('checkpoint') })

/** The tokenizer's or image processor's files of a checkpoint, apart from its weights, so that tokens do not depend on these. */
export const tokenizerArtifact = z.object({ kind: z.literal('tokenizer') })

/** Books. Blobs: `genre/book.txt`, or the shards of a table, `part-00000.parquet`, …. */
export const booksArtifact = z.object({ kind: z.literal('books') })

/** A text. Blob `text`, or the shards of a table, `part-00000.parquet`, …. */
export const textArtifact = z.object({ kind: z.literal('text') })

/** Tokens on which features are matched. Blob `tokens`. */
export const tokensArtifact = z.object({
  lines: z.int(),
  tokens: z.int(),
  books: z.int(),
  skippedBooks: z.array(z.string()),
})

/** A folder of images. Blobs: `class/image.png`. */
export const imageFolderArtifact = z.object({ kind: z.literal('images') })

/** Decoded images. Blob `images`. */
export const imagesArtifact = z.object({ images: z.int(), classes: z.int() })

/** The files of one split of a task. Blobs: `table.tsv`, or the shards of a table, `part-00000.parquet`, …. */
export const taskFilesArtifact = z.object({ kind: z.literal('task') })

/** Texts of a task as tokens, with their labels. Blob `task`. */
export const taskTableArtifact = z.object({
  task: z.string(),
  texts: z.int(),
  tokens: z.int(),
  /** Rows of the task that are not among them. */
  leftOut: z.int(),
})

/** A text as one stream of tokens. Blob `tokens`. */
export const tokenStreamArtifact = z.object({ streamTokens: z.int() })

/** That on which features are matched. */
export const alignmentSampleArtifact = z.union([tokensArtifact, imagesArtifact, taskTableArtifact])

/** Masked blocks on which losses are taken. Blob `blocks`. */
export const blocksArtifact = z.object({ blocks: z.int(), selected: z.int() })

/** Blocks on which the loss of the next token is taken. Blob `blocks`. */
export const nextTokenBlocksArtifact = z.object({ blocks: z.int(), predictions: z.int() })

/** Blocks of tokens without labels. Blob `blocks`. */
export const tokenBlocksArtifact = z.object({ blocks: z.int() })

/** That on which losses are taken, of whatever objective. */
export const evaluationSetArtifact = z.union([blocksArtifact, nextTokenBlocksArtifact, imagesArtifact])

/** One model's features at a group of taps. Blob `features`. */
export const captureArtifact = z.object({ rows: z.int() })

/** Two models' correlations. Blob `correlations`: `<set>` F32 `[d, d]`. */
export const correlationsArtifact = z.object({
  tokens: z.int(),
  sets: z.array(z.object({ name: z.string(), constantA: z.array(z.int()), constantB: z.array(z.int()) })),
})

/** Permutations of B into A's space. Blob `permutations`: I32 by axis name. */
export const alignmentArtifact = z.object({
  method: z.string(),
  symmetry: z.enum(['kept', 'broken']),
  /** Why the symmetry is broken; null where it is kept. */
  reason: z.string().nullable(),
  tokens: z.int().nullable(),
  correlations: z.array(
    z.object({
      site: z.string(),
      layer: z.int(),
      meanDiagonalBefore: z.number(),
      meanDiagonalAfter: z.number(),
    }),
  ),
})

/** Permutations that were learned, with the losses by which the best were chosen. */
export const learnedAlignmentArtifact = alignmentArtifact.extend({
  curve: z.array(z.object({ step: z.int(), loss: z.number().nullable(), heldOutLoss: z.number() })),
  bestStep: z.int(),
})

/** How an alignment's space needs the decoder: the graph that its models are run on. */
export const decoderParam = z.enum(['tied', 'untied'])

export const gateArtifact = z.object({ maxAbsLogitDifference: z.number(), tolerance: z.number(), passed: z.boolean() })

export const lossArtifact = z.object({ loss: z.number(), perplexity: z.number(), positions: z.int() })

/** A loss on a task with the scores by the task's metrics, of which one that is undefined is left out. */
export const taskEvaluationArtifact = lossArtifact.extend({ scores: z.record(z.string(), z.number()) })

/** A barrier on some of the blocks of an evaluation set, drawn at random; see `BarrierEstimate`. */
export const barrierEstimateArtifact = z.object({
  barrier: z.number(),
  low: z.number(),
  high: z.number(),
  /** Drawn, and in all. An image is a block. */
  blocks: z.int(),
  blocksInAll: z.int(),
  /** Tokens, or images, that the models on the line were run on, summed over λ; and if each had been run on all. */
  tokens: z.int(),
  tokensInAll: z.int(),
  points: z.array(z.object({ lambda: z.number(), loss: z.number(), blocks: z.int(), positions: z.int() })),
})

/** A model that was trained here. Blobs: `config.json`, `model.safetensors`. */
export const trainedCheckpointArtifact = checkpointArtifact.extend({
  steps: z.int(),
  curve: z.array(trainingCurvePoint),
})

/** The engine that computes, as a param: results depend on it, so it is part of the key. */
export const engineParam = z.object({ name: z.string(), version: z.string(), executionProvider: z.string() })
export type EngineParam = z.infer<typeof engineParam>

export const featureSetParam = z.object({
  name: z.string(),
  taps: z.array(z.string()),
  width: z.int(),
  combine: z.enum(['pool', 'meanCovariance']),
})

export type TokensValue = z.infer<typeof tokensArtifact>
export type AlignmentSampleValue = z.infer<typeof alignmentSampleArtifact>
export type EvaluationSetValue = z.infer<typeof evaluationSetArtifact>
export type ImagesValue = z.infer<typeof imagesArtifact>
export type CorrelationsValue = z.infer<typeof correlationsArtifact>
export type AlignmentValue = z.infer<typeof alignmentArtifact>
export type GateValue = z.infer<typeof gateArtifact>
export type LossValue = z.infer<typeof lossArtifact>
export type BarrierEstimateValue = z.infer<typeof barrierEstimateArtifact>
export type TaskTableValue = z.infer<typeof taskTableArtifact>
export type TaskEvaluationValue = z.infer<typeof taskEvaluationArtifact>
export type TrainedCheckpointValue = z.infer<typeof trainedCheckpointArtifact>
