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
  /** Folder with one checkpoint a seed, `seed-1`, `seed-2`, …, that differ in their random initialisation. */
  family: z.string().default('datasets/models'),
  seeds: listOf(seed).default([1, 2, 3, 4]),
  /** Every pair of seeds, or those listed. The first of a pair is the reference A, the second is permuted. */
  pairs: z.union([z.literal('all'), z.array(z.tuple([seed, seed])).min(1)]).default('all'),
  /** Folder of the text on which features are matched, `{genre}/{book}.txt`. */
  books: z.string().default('datasets/books'),
  /** Raw text on which losses are taken. */
  wikitext: z.string().default('datasets/wiki/wiki.valid.raw'),
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
      blockSize: z.int().min(3).default(128),
      maskProbability: z.number().gt(0).max(1).default(0.15),
      seed: seed.default(0),
      /** How many blocks from the start of the text; null for all. */
      blocks: z.int().positive().nullable().default(null),
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
