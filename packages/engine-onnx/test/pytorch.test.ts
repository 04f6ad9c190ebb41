import { readFile } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { Checkpoint, openSafetensors, type SafetensorsFile } from '@isthmus/checkpoint'
import type { Engine, Feeds, Weights } from '@isthmus/engine'
import { type Graph, graphOf } from '@isthmus/model'
import { type Tensor, tensor } from '@isthmus/tensor'
import { beforeAll, describe, expect, it } from 'vitest'
import { onnxEngine } from '../src/index.ts'

const packages = join(import.meta.dirname, '../..')
const fixtures = join(import.meta.dirname, 'fixtures')
/** Both sides compute in f32, in another order: a few units in the last place of values of size 10 to 20. */
const tolerance = 1e-4

let engine: Engine
beforeAll(async () => {
  engine = await onnxEngine.create({ executionProvider: 'cpu' })
})

async function readWeights({ parameters }: Graph, checkpoint: Checkpoint): Promise<Weights> {
  return new Map(await Promise.all(parameters.map(async ({ name }) => [name, await checkpoint.read(name)] as const)))
}

function largestDifference(x: Float32Array, y: Float32Array): number {
  expect(x).toHaveLength(y.length)
  return x.reduce((largest, value, i) => Math.max(largest, Math.abs(value - y[i]!)), 0)
}

/** The masked blocks on which the expected values were computed, `[487, 128]`. */
async function readBlocks() {
  await using file = await openSafetensors(join(packages, 'corpus/test/fixtures/inputs.safetensors'))
  return {
    original: await file.readInt32('block_ids'),
    masked: await file.readInt32('masked_ids'),
    selected: await file.readUint8('selected'),
  }
}

/** Some of the blocks, with their selected positions. */
function blockFeeds(blocks: Awaited<ReturnType<typeof readBlocks>>, from: number, to: number): Feeds {
  const length = blocks.masked.shape[1]!
  const slice = (ids: Tensor<Int32Array>) => ids.data.subarray(from * length, to * length)
  const chosen = blocks.selected.data.subarray(from * length, to * length)
  const positions = Int32Array.from(chosen.keys()).filter((i) => chosen[i] === 1)
  const originals = slice(blocks.original)
  const shape = [to - from, length]
  return {
    inputIds: tensor(slice(blocks.masked), shape),
    tokenTypeIds: tensor(new Int32Array(originals.length), shape),
    selectedPositions: tensor(positions, [positions.length]),
    labels: tensor(
      positions.map((i) => originals[i]!),
      [positions.length],
    ),
  }
}

describe('agrees with PyTorch on the shipped models', () => {
  for (const seed of ['seed-1', 'seed-2', 'seed-3', 'seed-4']) {
    it(`${seed}: logits, features at every tap, and the loss`, async () => {
      await using checkpoint = await Checkpoint.open(join(packages, '../datasets/models', seed))
      await using expected = await openSafetensors(join(fixtures, `${seed}.safetensors`))
      const graph = graphOf(checkpoint.config, 'config.json', { padding: false })
      const weights = await readWeights(graph, checkpoint)
      const blocks = await readBlocks()

      const taps = graph.taps.filter(({ name }) => expected.tensors.has(`feature.${name}`))
      expect(taps).toHaveLength(expected.tensors.size - 1)
      const features = await engine.compile(graph, { outputs: ['logits', ...taps.map(({ name }) => name)] })
      const results = await features.run(weights, blockFeeds(blocks, 0, 2))
      await features.dispose()
      const differences = [largestDifference(results.logits!.data, (await expected.read('logits')).data)]
      for (const { name } of taps) {
        const { data } = await expected.read(`feature.${name}`)
        differences.push(largestDifference(results[name]!.data.subarray(0, data.length), data))
      }
      expect(Math.max(...differences)).toBeLessThan(tolerance)

      const losses = await engine.compile(graph, { outputs: ['negativeLogLikelihood'] })
      let [sum, positions] = [0, 0]
      for (let from = 0; from < blocks.masked.shape[0]!; from += 32) {
        const feeds = blockFeeds(blocks, from, Math.min(from + 32, blocks.masked.shape[0]!))
        const { negativeLogLikelihood } = await losses.run(weights, feeds)
        for (const loss of negativeLogLikelihood!.data) sum += loss
        positions += negativeLogLikelihood!.data.length
      }
      await losses.dispose()
      const published = JSON.parse(await readFile(join(fixtures, 'expected.json'), 'utf8'))
      expect(positions).toBe(published.selected)
      // A mean over 9,130 positions: rounding in f32 averages out.
      expect(Math.abs(sum / positions - published.seeds[seed].loss)).toBeLessThan(1e-5)
    })
  }
})

/** The inputs that PyTorch's values were computed from, by the graph's names, all positions selected. */
async function referenceFeeds(
  expected: SafetensorsFile,
  positions: Int32Array,
): Promise<Record<string, Feeds[string]>> {
  const feeds: Record<string, Feeds[string]> = { selectedPositions: tensor(positions, [positions.length]) }
  for (const [input, saved] of [
    ['inputIds', 'input_ids'],
    ['tokenTypeIds', 'token_type_ids'],
    ['attentionMask', 'attention_mask'],
  ] as const) {
    if (expected.tensors.has(saved)) feeds[input] = await expected.readInt32(saved)
  }
  if (expected.tensors.has('pixel_values')) feeds.pixelValues = await expected.read('pixel_values')
  return feeds
}

/** Folders with a model each, the folder of its expected values, and what they are. */
const randomModels = [
  ...['bert-mlm', 'bert-mlm-sharded', 'bert-mlm-float16', 'bert-mlm-bfloat16'].map((name) => ({
    model: join(packages, 'checkpoint/test/fixtures', name),
    expected: join(fixtures, 'reference-models', name),
    output: 'logits',
    saved: 'logits',
  })),
  ...['bert-mlm-bin', 'bert-mlm-bin-legacy', 'bert-mlm-gamma-beta'].map((name) => ({
    model: join(packages, 'checkpoint/test/fixtures', name),
    // The same weights, stored otherwise.
    expected: join(fixtures, 'reference-models/bert-mlm'),
    output: 'logits',
    saved: 'logits',
  })),
  ...['bert-classifier', 'bert-bare', 'roberta-mlm', 'distilbert-mlm', 'gpt2', 'vit'].map((name) => ({
    model: join(packages, 'model/test/fixtures', name),
    expected: join(packages, 'model/test/fixtures', name),
    output: name === 'bert-bare' ? 'hidden' : 'logits',
    saved: name === 'bert-bare' ? 'last_hidden_state' : 'logits',
  })),
]

describe('agrees with PyTorch on random models of every architecture', () => {
  for (const { model, expected: folder, output, saved } of randomModels) {
    it(`${basename(model)}: ${output}, of the real tokens where some are padding`, async () => {
      await using checkpoint = await Checkpoint.open(model)
      await using expected = await openSafetensors(join(folder, 'expected.safetensors'))
      const all = await expected.read(saved)
      const [width, count] = [all.shape.at(-1)!, all.data.length / all.shape.at(-1)!]
      const isPadded = expected.tensors.has('attention_mask')
      const feeds = await referenceFeeds(
        expected,
        Int32Array.from({ length: count }, (_, i) => i),
      )
      const graph = graphOf(checkpoint.config, 'config.json', { padding: isPadded })

      const program = await engine.compile(graph, { outputs: [output] })
      const given = Object.fromEntries(program.inputs.map((input) => [input, feeds[input]!]))
      const result = (await program.run(await readWeights(graph, checkpoint), given))[output]!
      await program.dispose()
      expect(result.data).toHaveLength(all.data.length)
      const mask = count === feeds.attentionMask?.data.length ? feeds.attentionMask.data : null
      expect(mask === null || mask.includes(0)).toBe(true)
      const real = ({ data }: Tensor) => data.filter((_, i) => mask?.[Math.floor(i / width)] !== 0)
      expect(largestDifference(real(result), real(all))).toBeLessThan(tolerance)
    })
  }
})
