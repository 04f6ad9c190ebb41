import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Checkpoint } from '@isthmus/checkpoint'
import { listBooks, openTokenizer, paddedBatches, sampleBooks, tokenizeLines } from '@isthmus/corpus'
import type { Engine, Program, Weights } from '@isthmus/engine'
import { onnxEngine } from '@isthmus/engine-onnx'
import { graphOf, type Tap } from '@isthmus/model'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import {
  type CaptureType,
  correlateFeatures,
  crossCorrelation,
  type FeatureMoments,
  featureRows,
  meanDiagonal,
  readCapture,
  writeCapture,
} from '../src/index.ts'
import { collectRows } from './drawn-rows.ts'

const datasets = join(import.meta.dirname, '../../../datasets')
const sites = ['ffn', 'attention', 'query', 'key']

/** A model ready to run, with the taps that are read. */
interface Model {
  readonly program: Program
  readonly weights: Weights
  readonly taps: readonly Tap[]
}

let engine: Engine
let folder: string
let sequences: Int32Array[]
let models: [Model, Model]

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'isthmus-shipped-'))
  engine = await onnxEngine.create({ executionProvider: 'cpu' })
  const tokenizer = await openTokenizer(join(datasets, 'models/seed-1'))
  const sample = await sampleBooks(await listBooks(join(datasets, 'books')), { seed: 0, fraction: 0.003 })
  sequences = tokenizeLines(sample.lines, tokenizer, { maxTokens: 128 }).lines.map(({ ids }) => ids)
  models = [await openModel('seed-1'), await openModel('seed-2')]
})
afterAll(async () => {
  await Promise.all(models.map(({ program }) => program.dispose()))
  await rm(folder, { recursive: true })
})

async function openModel(seed: string): Promise<Model> {
  await using checkpoint = await Checkpoint.open(join(datasets, 'models', seed))
  const graph = graphOf(checkpoint.config, 'config.json')
  const taps = graph.taps.filter(({ site, layer }) => sites.includes(site) && layer! < 2)
  const program = await engine.compile(graph, { outputs: taps.map(({ name }) => name) })
  const weights = await Promise.all(
    program.parameters.map(async (name) => [name, await checkpoint.read(name)] as const),
  )
  return { program, weights: new Map(weights), taps }
}

function features({ program, weights, taps }: Model, tokensPerBatch: number) {
  return featureRows(program, weights, paddedBatches(sequences, { tokensPerBatch }), taps)
}

const sets = [
  { name: 'ffn.0', taps: ['ffn.0'], width: 512 },
  { name: 'ffn.1', taps: ['ffn.1'], width: 512 },
  { name: 'attention.1', taps: ['attention.1'], width: 128 },
  { name: 'queryKey.0', taps: ['query.0', 'key.0'], width: 128 },
]

async function captured(type: CaptureType): Promise<ReadonlyMap<string, FeatureMoments>> {
  const names = [...new Set(sets.flatMap(({ taps }) => taps))]
  const paths = models.map((_, index) => join(folder, `${index}.${type}.arrow`))
  for (const [index, model] of models.entries()) {
    await writeCapture(paths[index]!, features(model, 2048), model.taps, type)
  }
  const [a, b] = paths.map((path) => readCapture(path, names))
  return correlateFeatures(engine, a!, b!, sets)
}

describe('features of the shipped models on the shipped books', () => {
  it('correlate the same, to the bit, captured in f32 and streamed through both models', async () => {
    const streamed = await correlateFeatures(engine, features(models[0], 2048), features(models[1], 2048), sets)
    expect(await captured('float32')).toEqual(streamed)
    expect(streamed.get('ffn.0')!.count).toBe(sequences.reduce((total, { length }) => total + length, 0))
  })

  it('correlate the same, to rounding in f16, captured in f16', async () => {
    const [exact, half] = [await captured('float32'), await captured('float16')]
    for (const { name } of sets) {
      const [x, y] = [exact, half].map((moments) => crossCorrelation(moments.get(name)!).matrix)
      const difference = x!.reduce((largest, value, i) => Math.max(largest, Math.abs(value - y![i]!)), 0)
      // Each feature is rounded to 11 bits, 2⁻¹² of it at most; over the tokens these errors average out.
      expect(difference, name).toBeLessThan(2 ** -12)
      expect(difference, name).toBeGreaterThan(0)
    }
  })

  it('are those of the real tokens alone: the same for any padding', async () => {
    const [x, y] = [await collectRows(features(models[0], 4096)), await collectRows(features(models[0], 1))]
    expect(x.sequence.length).toBe(sequences.reduce((total, { length }) => total + length, 0))
    expect(x.sequence).toEqual(y.sequence)
    expect(x.position).toEqual(y.position)
    for (const [name, { data }] of x.features) {
      const other = y.features.get(name)!.data
      const difference = data.reduce((largest, value, i) => Math.max(largest, Math.abs(value - other[i]!)), 0)
      // Batches of other shapes are summed in another order in f32; features are of size 10.
      expect(difference, name).toBeLessThan(1e-4)
    }
  })

  it('correlate perfectly with themselves, and hardly with another model’s of the same index', async () => {
    const [a, b] = models
    for (const [other, expected] of [
      [a, 1],
      [b, 0],
    ] as const) {
      const moments = await correlateFeatures(engine, features(a, 2048), features(other, 2048), [sets[0]!])
      const { matrix, constantA } = crossCorrelation(moments.get('ffn.0')!)
      expect(constantA).toEqual([])
      expect(Math.abs(meanDiagonal(matrix, 512, null) - expected)).toBeLessThan(expected === 1 ? 1e-5 : 0.1)
    }
  })
})
