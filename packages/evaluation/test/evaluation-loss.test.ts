import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { Checkpoint, openSafetensors } from '@isthmus/checkpoint'
import { blockBatches, IGNORED_LABEL, type MaskedBlocks } from '@isthmus/corpus'
import type { Program, Weights } from '@isthmus/engine'
import { onnxEngine } from '@isthmus/engine-onnx'
import { graphOf } from '@isthmus/model'
import { type Tensor, tensor, UserError } from '@isthmus/tensor'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { evaluationLoss } from '../src/index.ts'

const packages = join(import.meta.dirname, '../..')

type Blocks = Pick<MaskedBlocks, 'inputIds' | 'labels'>

let program: Program
let weights: Map<string, Tensor>
let blocks: Blocks

beforeAll(async () => {
  await using checkpoint = await Checkpoint.open(join(packages, '../datasets/models/seed-1'))
  const engine = await onnxEngine.create({ executionProvider: 'cpu' })
  const graph = graphOf(checkpoint.config, 'config.json', { padding: false })
  program = await engine.compile(graph, { outputs: ['negativeLogLikelihood'] })
  const read = program.parameters.map(async (name) => [name, await checkpoint.read(name)] as const)
  weights = new Map(await Promise.all(read))

  await using inputs = await openSafetensors(join(packages, 'corpus/test/fixtures/inputs.safetensors'))
  const [original, selected] = [await inputs.readInt32('block_ids'), await inputs.readUint8('selected')]
  const labels = original.data.map((id, i) => (selected.data[i] === 1 ? id : IGNORED_LABEL))
  blocks = { inputIds: await inputs.readInt32('masked_ids'), labels: tensor(labels, original.shape) }
})
afterAll(() => program.dispose())

/** The first blocks alone. */
function firstBlocks(count: number): Blocks {
  const length = blocks.inputIds.shape[1]!
  const cut = ({ data }: Tensor<Int32Array>) => tensor(data.subarray(0, count * length), [count, length])
  return { inputIds: cut(blocks.inputIds), labels: cut(blocks.labels) }
}

/** The negative log-likelihood of every selected position, each block alone. */
async function everyPosition(someBlocks: Blocks, someWeights: Weights): Promise<number[]> {
  const losses: number[] = []
  for (const { feeds } of blockBatches(someBlocks, 1)) {
    const results = await program.run(someWeights, feeds)
    losses.push(...results.negativeLogLikelihood!.data)
  }
  return losses
}

describe('evaluationLoss', () => {
  it('is PyTorch’s loss of a shipped model on all blocks of the encyclopedia', async () => {
    const expected = JSON.parse(await readFile(join(packages, 'engine-onnx/test/fixtures/expected.json'), 'utf8'))
    const { loss, perplexity, positions } = await evaluationLoss(program, weights, blockBatches(blocks, 32))
    expect(positions).toBe(expected.selected)
    // A mean over 9,130 positions: rounding in f32 averages out.
    expect(Math.abs(loss - expected.seeds['seed-1'].loss)).toBeLessThan(1e-5)
    expect(Math.abs(perplexity / expected.seeds['seed-1'].pseudo_perplexity - 1)).toBeLessThan(1e-5)
  })

  it('is the mean over the positions, each with the same weight, however they are batched', async () => {
    const some = firstBlocks(7)
    const losses = await everyPosition(some, weights)
    const mean = losses.reduce((sum, value) => sum + value, 0) / losses.length
    for (const batchSize of [1, 2, 3, 7, 100]) {
      const found = await evaluationLoss(program, weights, blockBatches(some, batchSize))
      expect(found.positions).toBe(losses.length)
      // Batches of other shapes are summed in another order in f32.
      expect(Math.abs(found.loss - mean)).toBeLessThan(1e-5)
      expect(found.perplexity).toBe(Math.exp(found.loss))
    }
  })

  it('reports each batch', async () => {
    const done: number[] = []
    await evaluationLoss(program, weights, blockBatches(firstBlocks(5), 2), (count) => done.push(count))
    expect(done).toEqual([1, 2, 3])
  })

  it('refuses weights that are not finite, naming the batch', async () => {
    for (const value of [Number.NaN, Number.POSITIVE_INFINITY]) {
      const bias = weights.get('cls.predictions.bias')!
      const broken = new Map(weights).set('cls.predictions.bias', {
        shape: bias.shape,
        data: bias.data.slice().fill(value, 9, 10),
      })
      await expect(evaluationLoss(program, broken, blockBatches(firstBlocks(2), 1))).rejects.toThrow(
        new UserError('the loss of batch 1 is not finite: the weights hold NaN or infinite values'),
      )
    }
  })

  it('refuses text in which nothing is masked', async () => {
    const { inputIds } = firstBlocks(2)
    const unmasked = {
      inputIds,
      labels: tensor(new Int32Array(inputIds.data.length).fill(IGNORED_LABEL), inputIds.shape),
    }
    const sentence = new UserError(
      'nothing is to be predicted in the evaluation set: use more of it, or a higher mask probability',
    )
    await expect(evaluationLoss(program, weights, blockBatches(unmasked, 2))).rejects.toThrow(sentence)
    await expect(evaluationLoss(program, weights, [])).rejects.toThrow(sentence)
  })

  it('names a token that the model does not have', async () => {
    const [batch] = blockBatches(firstBlocks(1), 1)
    const inputIds = { ...batch!.feeds.inputIds, data: batch!.feeds.inputIds.data.slice().fill(4096, 5, 6) }
    await expect(
      evaluationLoss(program, weights, [{ ...batch!, feeds: { ...batch!.feeds, inputIds } }]),
    ).rejects.toThrow("input 'inputIds' of bert holds 4096, but 'bert.embeddings.word_embeddings.weight' has 4096 rows")
  })
})
