import { randomStream } from '@isthmus/corpus'
import { bert, randomParameters } from '@isthmus/model'
import { type Tensor, tensor } from '@isthmus/tensor'
import type { TrainingBatch, TrainingOptions, TrainingRecipe } from '../src/index.ts'

/** A masked language model of a few hundred weights. */
export const tinyGraph = bert(
  {
    hiddenSize: 8,
    numHiddenLayers: 1,
    numAttentionHeads: 2,
    intermediateSize: 16,
    vocabSize: 11,
    maxPositionEmbeddings: 6,
    typeVocabSize: 2,
    layerNormEps: 1e-12,
    hiddenAct: 'gelu',
    tieWordEmbeddings: true,
  },
  { padding: false },
)

export const tinyRecipe: TrainingRecipe = {
  steps: 12,
  learningRate: 0.02,
  warmupSteps: 3,
  finalLearningRate: 0.1,
  betas: [0.9, 0.98],
  epsilon: 1e-8,
  weightDecay: 0.01,
  maxGradientNorm: 1,
  dropout: 0.1,
  seed: 5,
}

export function tinyParameters(seed = 1): Map<string, Tensor> {
  const scaled = (data: Float64Array) => Float32Array.from(data, (x) => 0.2 * x)
  return new Map(
    [...randomParameters(tinyGraph, seed)].map(([name, { shape, data }]) => [name, tensor(scaled(data), shape)]),
  )
}

/** Sequences that count upwards, with the token at one position to be found. */
export function tinyBatch(step: number): TrainingBatch {
  const stream = randomStream(7, step)
  const [batch, sequence] = [4, 6]
  const inputIds = new Int32Array(batch * sequence)
  const selectedPositions = new Int32Array(batch)
  const labels = new Int32Array(batch)
  for (let row = 0; row < batch; row++) {
    const [start, masked] = [1 + stream.index(5), stream.index(sequence)]
    for (let i = 0; i < sequence; i++) inputIds[row * sequence + i] = i === masked ? 0 : start + i
    selectedPositions[row] = row * sequence + masked
    labels[row] = start + masked
  }
  return {
    graph: tinyGraph,
    feeds: {
      inputIds: tensor(inputIds, [batch, sequence]),
      tokenTypeIds: tensor(new Int32Array(batch * sequence), [batch, sequence]),
      selectedPositions: tensor(selectedPositions, [batch]),
      labels: tensor(labels, [batch]),
    },
  }
}

export function tinyTraining(options: Partial<TrainingOptions> = {}): TrainingOptions {
  return {
    parameters: tinyParameters(),
    recipe: tinyRecipe,
    executionProvider: 'javascript',
    batch: tinyBatch,
    recordEvery: 5,
    ...options,
  }
}
