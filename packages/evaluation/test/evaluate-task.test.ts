import { encodeTask, openTokenizer, randomStream, type TaskBatch, taskBatch, taskBatches } from '@isthmus/corpus'
import type { Program } from '@isthmus/engine'
import { onnxEngine } from '@isthmus/engine-onnx'
import { type BertConfig, bert, type Graph } from '@isthmus/model'
import type { Tensor } from '@isthmus/tensor'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { accuracy, evaluateTask, f1Score, pearsonCorrelation, predictionsOf } from '../src/index.ts'

let program: Program
let weights: Map<string, Tensor>

const sizes: BertConfig = {
  hiddenSize: 8,
  numHiddenLayers: 2,
  numAttentionHeads: 2,
  intermediateSize: 16,
  vocabSize: 4096,
  maxPositionEmbeddings: 128,
  typeVocabSize: 2,
  layerNormEps: 1e-12,
  hiddenAct: 'gelu',
  tieWordEmbeddings: true,
  head: 'sequenceClassification',
  numLabels: 2,
}
const graph = bert(sizes)

function drawWeights({ parameters }: Graph): Map<string, Tensor> {
  return new Map(
    parameters.map(({ name, shape }) => {
      const stream = randomStream(0, 'weights', name)
      const data = Float32Array.from({ length: shape.reduce((a, b) => a * b, 1) }, () => 2 * stream.uniform() - 1)
      return [name, { shape, data }]
    }),
  )
}

beforeAll(async () => {
  const engine = await onnxEngine.create({ executionProvider: 'cpu' })
  program = await engine.compile(graph, { outputs: ['negativeLogLikelihood', 'logits'] })
  weights = drawWeights(graph)
})
afterAll(() => program.dispose())

describe('evaluateTask', () => {
  it('is the mean loss and the scores of rows that are read one by one, padding and token types notwithstanding', async () => {
    const words = 'the king came to the house and the men of the city went out before him'.split(' ')
    const rows = Array.from({ length: 24 }, (_, i) => ({
      sentences: [words.slice(0, 1 + (i % 7)).join(' '), words.slice(i % 5, 6 + (i % 11)).join(' ')],
      label: i % 2,
    }))
    const tokenizer = await openTokenizer(new URL('../../../datasets/models/seed-1', import.meta.url).pathname)
    const task = { id: 'own', labels: { kind: 'classes', names: ['no', 'yes'] } } as const
    const encoded = encodeTask(rows, task, tokenizer, { maxTokens: 16 })
    const single = async (batch: TaskBatch) => program.run(weights, batch.feeds)
    // Without a bias in between, a random model says the same of all rows.
    const margins: number[] = []
    for (const row of rows.keys()) {
      const [no, yes] = (await single(taskBatch(encoded, [row]))).logits!.data as Float32Array
      margins.push(yes! - no!)
    }
    const bias = weights.get('classifier.bias')!.data as Float32Array
    const middle = margins.sort((a, b) => a - b)[12]! + 1e-3
    weights.set('classifier.bias', { shape: [2], data: Float32Array.of(bias[0]! + middle, bias[1]!) })
    const losses: number[] = []
    const predictions: number[] = []
    for (const row of rows.keys()) {
      const { negativeLogLikelihood, logits } = await single(taskBatch(encoded, [row]))
      losses.push(negativeLogLikelihood!.data[0]!)
      predictions.push(...predictionsOf(logits as Tensor<Float32Array>))
    }
    const done: number[] = []
    const batches = [...taskBatches(encoded, { tokensPerBatch: 64 })]
    const found = await evaluateTask(program, weights, batches, ['accuracy', 'f1'], (count) => done.push(count))
    const labels = rows.map(({ label }) => label)
    // Batches of other shapes are summed in another order in f32.
    expect(Math.abs(found.loss - losses.reduce((sum, loss) => sum + loss / 24, 0))).toBeLessThan(1e-5)
    expect(found.scores).toEqual({ accuracy: accuracy(predictions, labels), f1: f1Score(predictions, labels) })
    expect(new Set(predictions).size).toBe(2)
    expect([found.positions, done.length]).toEqual([24, batches.length])

    // A model that reads the second sentence as the first computes something else, by more than rounding.
    const blind = batches.map((batch) => ({
      ...batch,
      feeds: {
        ...batch.feeds,
        tokenTypeIds: { ...batch.feeds.tokenTypeIds, data: batch.feeds.tokenTypeIds.data.map(() => 0) },
      },
    }))
    const other = await evaluateTask(program, weights, blind, ['accuracy'])
    expect(Math.abs(other.loss - found.loss)).toBeGreaterThan(1e-4)
  })

  it('is the mean squared error of a regression, with the correlations of its scores', async () => {
    const config = { ...sizes, numLabels: 1 }
    const engine = await onnxEngine.create({ executionProvider: 'cpu' })
    const regression = await engine.compile(bert(config), { outputs: ['negativeLogLikelihood', 'logits'] })
    const own = drawWeights(bert(config))
    const words = 'the king came to the house and the men of the city went out before him'.split(' ')
    const rows = Array.from({ length: 12 }, (_, i) => ({
      sentences: [words.slice(0, 1 + (i % 7)).join(' '), words.slice(i % 5, 6 + (i % 11)).join(' ')],
      label: (i % 6) - 0.25,
    }))
    const tokenizer = await openTokenizer(new URL('../../../datasets/models/seed-1', import.meta.url).pathname)
    const stsB = { id: 'sts-b', labels: { kind: 'scores', range: [0, 5] } } as const
    const encoded = encodeTask(rows, stsB, tokenizer, { maxTokens: 16 })
    const predictions: number[] = []
    for (const row of rows.keys()) {
      const { logits } = await regression.run(own, taskBatch(encoded, [row]).feeds)
      predictions.push(...predictionsOf(logits as Tensor<Float32Array>))
    }
    const batches = taskBatches(encoded, { tokensPerBatch: 64 })
    const { loss, positions, scores } = await evaluateTask(regression, own, batches, ['pearson', 'spearman'])
    const labels = rows.map(({ label }) => label)
    const squares = predictions.map((prediction, i) => (prediction - labels[i]!) ** 2)
    expect(Math.abs(loss - squares.reduce((sum, square) => sum + square / 12, 0))).toBeLessThan(1e-4)
    expect(positions).toBe(12)
    expect(Math.abs(scores.pearson! - pearsonCorrelation(predictions, labels))).toBeLessThan(1e-4)
    expect(Number.isFinite(scores.spearman)).toBe(true)
    await regression.dispose()
  })
})
