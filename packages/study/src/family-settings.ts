import { initialization, localInitialization, scheduledPhase, trainingRecipe } from '@isthmus/training'
import { z } from 'zod'
import { listOf } from './settings.ts'

const { learningRate, warmupSteps, finalLearningRate, betas, epsilon, weightDecay, maxGradientNorm, dropout } =
  trainingRecipe.shape
const count = z.int().positive()

/** Every setting of a family that is to be trained, with its default: the recipe by which the family that ships was made.
 *  Paths are relative to the folder that holds `experiments/`.
 */
export const familySettings = z.strictObject({
  /** One model a seed: it draws the initial weights, the order of the text and the masks, and nothing else differs. */
  seeds: listOf(z.int().nonnegative()).default([1, 2, 3, 4]),
  /** Updates of the weights. */
  steps: count.default(15_000),
  /** In place of `steps`: how long training one model may take, in minutes of one core, or of the GPU. What a step takes is
   *  measured first.
   */
  minutes: z.number().positive().nullable().default(null),
  /** What the models are, by the names of BERT's `config.json` in camel case; the vocabulary is the tokenizer's. */
  architecture: z
    .strictObject({
      numHiddenLayers: count.default(4),
      hiddenSize: count.default(128),
      /** Divides `hiddenSize`. */
      numAttentionHeads: count.default(4),
      intermediateSize: count.default(512),
      maxPositionEmbeddings: count.default(128),
      typeVocabSize: count.default(2),
      hiddenAct: z.enum(['gelu', 'gelu_new', 'relu']).default('gelu'),
      layerNormEps: z.number().positive().default(1e-12),
    })
    .prefault({}),
  /** A folder with a tokenizer: `tokenizer.json`, or `vocab.txt`. */
  tokenizer: z.string().default('datasets/models/seed-1'),
  /** The text that is trained on: books, as a study has them, then a raw text or parquet; null for none of either. */
  books: z.string().nullable().default('datasets/books'),
  wikitext: z.string().nullable().default('datasets/wiki/wiki.train.raw'),
  /** The text on which losses are taken that no model is trained on. */
  validation: z
    .strictObject({
      wikitext: z.string().default('datasets/wiki/wiki.valid.raw'),
      blockSize: z.int().min(3).default(128),
      maskProbability: z.number().gt(0).max(1).default(0.15),
      seed: z.int().nonnegative().default(0),
      /** How many blocks from the start of the text; null for all. */
      blocks: count.nullable().default(512),
      /** Steps between these losses. */
      every: count.default(1000),
    })
    .prefault({}),
  /** Steps between the points of the curve of the training loss. */
  recordEvery: count.default(50),
  initialization: z
    .strictObject({
      standardDeviation: initialization.shape.standardDeviation.default(localInitialization.standardDeviation),
      positions: initialization.shape.positions.default(localInitialization.positions),
      positionStandardDeviation: initialization.shape.positionStandardDeviation.default(
        localInitialization.positionStandardDeviation,
      ),
      positionBase: initialization.shape.positionBase.default(localInitialization.positionBase),
      tieQueryKey: initialization.shape.tieQueryKey.default(localInitialization.tieQueryKey),
      queryKeyScale: initialization.shape.queryKeyScale.default(localInitialization.queryKeyScale),
    })
    .prefault({}),
  /** What is predicted, on blocks of which length, in the order of training. */
  phases: z
    .array(scheduledPhase)
    .min(1)
    .default([
      { until: 800, objective: 'nextToken', blockLength: 32, randomPosition: true },
      { until: 0.6, objective: 'maskedLanguageModel', blockLength: 32, randomPosition: true },
      { until: 1, objective: 'maskedLanguageModel', blockLength: 128, randomPosition: false },
    ]),
  tokensPerStep: count.default(1024),
  /** With which a position is selected for masked language modelling. */
  maskProbability: z.number().gt(0).max(1).default(0.3),
  optimizer: z
    .strictObject({
      learningRate: learningRate.default(1.5e-3),
      warmupSteps: warmupSteps.default(300),
      finalLearningRate: finalLearningRate.default(0.01),
      betas: betas.default([0.9, 0.98]),
      epsilon: epsilon.default(1e-8),
      weightDecay: weightDecay.default(0.01),
      maxGradientNorm: maxGradientNorm.default(1),
    })
    .prefault({}),
  dropout: dropout.default(0),
  /** A backend of TensorFlow.js; `cpu` or `auto` for the fastest here, without or with a GPU. */
  executionProvider: z.string().default('cpu'),
  /** Where the models go: `seed-1`, `seed-2`, … in this folder. */
  folder: z.string().default('models/family'),
})

/** A family's settings, defaults filled in. */
export type FamilySettings = z.infer<typeof familySettings>
