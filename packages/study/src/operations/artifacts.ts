import { z } from 'zod'

/** The values of the artifacts that pass between operations; the blobs are named in the comments. */

/** A checkpoint of the user. Blobs: its files by name, as in `checkpointFiles`. */
export const checkpointArtifact = z.object({ kind: z.literal('checkpoint') })

/** The tokenizer files of a checkpoint, apart from its weights, so that tokens do not depend on these. */
export const tokenizerArtifact = z.object({ kind: z.literal('tokenizer') })

/** A folder of books. Blobs: `genre/book.txt`. */
export const booksArtifact = z.object({ kind: z.literal('books') })

/** A text. Blob `text`. */
export const textArtifact = z.object({ kind: z.literal('text') })

/** Tokens on which features are matched. Blob `tokens`. */
export const tokensArtifact = z.object({
  lines: z.int(),
  tokens: z.int(),
  books: z.int(),
  skippedBooks: z.array(z.string()),
})

/** Masked blocks on which losses are taken. Blob `blocks`. */
export const blocksArtifact = z.object({ blocks: z.int(), selected: z.int() })

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

/** How an alignment's space needs the decoder: the graph that its models are run on. */
export const decoderParam = z.enum(['tied', 'untied'])

export const gateArtifact = z.object({ maxAbsLogitDifference: z.number(), tolerance: z.number(), passed: z.boolean() })

export const lossArtifact = z.object({ loss: z.number(), perplexity: z.number(), positions: z.int() })

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
export type CorrelationsValue = z.infer<typeof correlationsArtifact>
export type AlignmentValue = z.infer<typeof alignmentArtifact>
export type GateValue = z.infer<typeof gateArtifact>
export type LossValue = z.infer<typeof lossArtifact>
