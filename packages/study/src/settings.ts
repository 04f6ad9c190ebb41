import { sinkhornDefaults } from '@isthmus/alignment'
import { z } from 'zod'

/** A list that may be written as a single value. */
const listOf = <Schema extends z.ZodType>(item: Schema) =>
  z.preprocess((value) => (Array.isArray(value) || value === undefined ? value : [value]), z.array(item))

const seed = z.int().nonnegative()

const lambdaPoints = z
  .union([
    z.int().min(2).describe('that many evenly spaced points from 0 to 1'),
    z.array(z.number().min(0).max(1)).min(2).describe('the points themselves'),
  ])
  .refine((value) => typeof value === 'number' || (value.includes(0) && value.includes(1)), {
    message: 'the points must include 0 and 1, the two models themselves',
  })

/** Every setting of a study, with its default. Paths are relative to the folder that holds `experiments/`. */
export const studySettings = z.strictObject({
  /** Models that differ in their random initialisation, one a seed: a folder that holds `seed-1`, `seed-2`, …; a path or
   *  a reference to the hub with `{seed}` in it, `runs/bert-{seed}` or `hf:google/multiberts-seed_{seed}@main`; or a
   *  name in `families`, `multiberts`.
   */
  family: z.string().default('datasets/models'),
  seeds: listOf(seed).default([1, 2, 3, 4]),
  /** Every pair of seeds, or those listed. The first of a pair is the reference A, the second is permuted. */
  pairs: z.union([z.literal('all'), z.array(z.tuple([seed, seed])).min(1)]).default('all'),
  /** The text on which features are matched: a folder of `{genre}/{book}.txt`, or parquet, a file or a folder of
   *  shards, as `sampleBooks` reads it.
   */
  books: z.string().default('datasets/books'),
  /** The text on which losses are taken: a raw text file; or parquet, a file or a folder of shards, with a column
   *  `text`, one line a row.
   */
  wikitext: z.string().default('datasets/wiki/wiki.valid.raw'),
  /** Folder of the images on which features are matched and losses are taken, of models that read images:
   *  `{class}/{image}.png`, or `train/…` and `test/…` of these, the first for features and the second for losses.
   */
  images: z.string().default('datasets/shapes'),
  methods: listOf(z.string()).default(['vanilla', 'ffn', 'head-perm']),
  lambdas: lambdaPoints.default(21),
  alignment: z
    .strictObject({
      linesPerBook: z.int().positive().default(100),
      fraction: z.number().gt(0).max(1).default(0.1),
      seed: seed.default(0),
      /** Tokens a line, special tokens included; a line is cut there, and at the model's own limit. */
      maxTokens: z.int().min(3).default(512),
      /** Whether [CLS] and [SEP] count as tokens when features are matched. */
      specialTokens: z.boolean().default(true),
    })
    .prefault({}),
  evaluation: z
    .strictObject({
      /** How the text becomes blocks: as it is, or split into characters, as the paper's released code does by accident. */
      protocol: z.enum(['clean', 'released-code']).default('clean'),
      blockSize: z.int().min(3).default(128),
      maskProbability: z.number().gt(0).max(1).default(0.15),
      seed: seed.default(0),
      /** How many blocks from the start of the text, or images, drawn by the seed; null for all. */
      blocks: z.int().positive().nullable().default(null),
    })
    .prefault({}),
  transport: z
    .strictObject({
      /** ε of Sinkhorn's entropic transport, in units of the largest cost. */
      regularization: z.number().gt(0).default(sinkhornDefaults.regularization),
    })
    .prefault({}),
  capture: z
    .strictObject({
      type: z.enum(['float32', 'float16']).default('float32'),
      /** Largest capture, in bytes, that is written to the cache; above it both models are run side by side. */
      budget: z.int().nonnegative().default(256_000_000),
    })
    .prefault({}),
  engine: z
    .strictObject({
      name: z.string().default('onnx'),
      executionProvider: z.string().default('cpu'),
    })
    .prefault({}),
})

/** A study's settings, defaults filled in. */
export type StudySettings = z.infer<typeof studySettings>
