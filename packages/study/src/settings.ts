import { sinkhornDefaults } from '@isthmus/alignment'
import { z } from 'zod'

/** A list that may be written as a single value. */
export const listOf = <Schema extends z.ZodType>(item: Schema) =>
  z.preprocess((value) => (Array.isArray(value) || value === undefined ? value : [value]), z.array(item))

const seed = z.int().nonnegative()

const lambda = z.number().min(0).max(1)

const lambdaPoints = z
  .union([
    z.int().min(2).describe('that many evenly spaced points from 0 to 1'),
    z.array(lambda).min(2).describe('the points themselves'),
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
  /** A task that the models are fine-tuned on, and that losses and scores are taken on: a folder in GLUE's layout or with a
   *  `task.json`, as `openTask` reads it. Features are then matched on its training set, instead of books. Null: none.
   *  Models that classify already are taken as they are.
   */
  task: z.string().nullable().default(null),
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
      /** How narrow the interval of each barrier is to be, in nats: it is then taken on as few blocks as that needs, drawn at
       *  random, and λs that are not its maximum on fewer. Null: every loss is taken on all blocks.
       */
      precision: z.number().positive().nullable().default(null),
    })
    .prefault({}),
  transport: z
    .strictObject({
      /** ε of Sinkhorn's entropic transport, in units of the largest cost. */
      regularization: z.number().gt(0).default(sinkhornDefaults.regularization),
    })
    .prefault({}),
  /** How permutations are learned, by methods that end in `+learned`. */
  learned: z
    .strictObject({
      steps: z.int().positive().default(150),
      /** Of the first step, in units of the score that pairs of the start have before others; it falls to 0. */
      learningRate: z.number().positive().default(0.03),
      /** The λ of a step is drawn uniformly from here. */
      lambdaRange: z.tuple([lambda, lambda]).default([0.4, 0.6]),
      /** Blocks of text a step. */
      batchBlocks: z.int().positive().default(32),
      blockSize: z.int().min(3).default(128),
      /** More than in evaluation: more predictions for the same cost. */
      maskProbability: z.number().gt(0).max(1).default(0.3),
      /** The part of the lines sampled by `alignment.linesPerBook` and `alignment.seed` that is learned from. */
      fraction: z.number().gt(0).max(1).default(1),
      /** Blocks that are not learned from, on which the best permutations are chosen. */
      heldOutBlocks: z.int().positive().default(64),
      /** Steps between measurements on these. */
      evaluateEvery: z.int().positive().default(10),
      /** Of the λs, the order of the blocks and the masks. */
      seed: seed.default(0),
      /** A backend of TensorFlow.js, or `auto` or `cpu` for the fastest here. */
      executionProvider: z.string().default('cpu'),
    })
    .refine(({ lambdaRange: [from, to] }) => from <= to, {
      path: ['lambdaRange'],
      message: 'the range must not end before it begins',
    })
    .prefault({}),
  /** How models are fine-tuned on a task. What the paper says is the default; what it does not say is as in Hugging Face's
   *  `run_glue`, whose learning rate and numbers of epochs it has.
   */
  fineTuning: z
    .strictObject({
      learningRate: z.number().positive().default(2e-5),
      /** Null: 5 for MRPC and 3 for all other tasks. */
      epochs: z.int().positive().nullable().default(null),
      batchSize: z.int().positive().default(32),
      /** Tokens a text, special tokens included; a text is cut there, and at the model's own limit. */
      maxTokens: z.int().min(3).default(128),
      /** The part of the steps in which the learning rate rises, before it falls to 0. */
      warmup: z.number().min(0).max(1).default(0),
      weightDecay: z.number().nonnegative().default(0),
      /** Gradients of a larger norm are scaled down to it; null: never. */
      maxGradientNorm: z.number().positive().nullable().default(1),
      dropout: z.number().min(0).lt(1).default(0.1),
      /** Of the pooler and the classifier, with which all models of the study start. */
      headSeed: seed.default(0),
      /** Of the order of the texts, and of dropout. */
      seed: seed.default(0),
      /** Whether all models see the texts in one order, or each in an order of its own. */
      order: z.enum(['shared', 'own']).default('shared'),
      /** A backend of TensorFlow.js, or `auto` or `cpu` for the fastest here. */
      executionProvider: z.string().default('auto'),
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
