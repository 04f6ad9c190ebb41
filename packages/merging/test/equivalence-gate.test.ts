import { fileURLToPath } from 'node:url'
import {
  align,
  alignmentMethod,
  alignWeights,
  decoderOf,
  graphSpace,
  type MatrixProduct,
  matrixProductGraph,
  type TransposedFactor,
} from '@isthmus/alignment'
import { Checkpoint } from '@isthmus/checkpoint'
import type { Program } from '@isthmus/engine'
import { onnxEngine } from '@isthmus/engine-onnx'
import { drawSymmetry, type Graph, graphBuilder, graphOf, symmetries, vit } from '@isthmus/model'
import { identityPermutation, type Permutation, type Tensor, UserError } from '@isthmus/tensor'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import {
  applyAlignment,
  type EquivalenceGate,
  equivalenceGate,
  type ParameterReader,
  probeBatch,
  readWeights,
  untiedReader,
} from '../src/index.ts'
import { randomCorrelation } from './random-correlation.ts'
import { graphOfConfig, readerOf, smallConfig } from './small-bert.ts'

const folders = fileURLToPath(new URL('../../../datasets/models', import.meta.url))

describe('equivalenceGate', () => {
  let graph: Graph
  let program: Program

  beforeAll(async () => {
    await using model = await Checkpoint.open(`${folders}/seed-1`)
    graph = graphOf(model.config, model.name, { padding: false })
    const engine = await onnxEngine.create({ executionProvider: 'cpu' })
    program = await engine.compile(graph, { outputs: ['logits'] })
  })
  afterAll(() => program.dispose())

  async function gateOf(seed: number, permutations: ReadonlyMap<string, Permutation>): Promise<EquivalenceGate> {
    await using model = await Checkpoint.open(`${folders}/seed-${seed}`)
    const read = (name: string) => model.read(name)
    const aligned = applyAlignment(read, graph, { permutations, space: graphSpace })
    return await equivalenceGate(program, read, aligned, probeBatch(graph))
  }

  it.each([1, 2, 3, 4])('passes every symmetry of seed-%i', async (seed) => {
    for (let draw = 0; draw < 3; draw++) {
      const gate = await gateOf(seed, drawSymmetry(symmetries(graph), 10 * seed + draw))
      expect(gate.passed).toBe(true)
      expect(gate.maxAbsLogitDifference).toBeLessThanOrEqual(1e-4)
      expect(gate.maxAbsLogitDifference).toBeGreaterThan(0)
    }
  })

  it('finds no difference where nothing is permuted', async () => {
    expect((await gateOf(1, new Map())).maxAbsLogitDifference).toBe(0)
  })

  it('allows 1e-5 of the largest logit', async () => {
    await using model = await Checkpoint.open(`${folders}/seed-2`)
    const weights = new Map<string, Awaited<ReturnType<typeof model.read>>>()
    for (const name of program.parameters) weights.set(name, await model.read(name))
    const { data } = (await program.run(weights, probeBatch(graph))).logits!
    const largest = data.reduce((maximum, logit) => Math.max(maximum, Math.abs(logit)), 0)
    expect(largest).toBeGreaterThan(10)
    expect((await gateOf(2, new Map())).tolerance).toBe(1e-5 * largest)
  })

  it('fails the smallest permutation that is no symmetry: two features of different heads exchanged', async () => {
    const exchanged = identityPermutation(128) as Int32Array
    exchanged.set([32], 0)
    exchanged.set([0], 32)
    for (const axis of ['attention.3', 'queryKey.0']) {
      const gate = await gateOf(1, new Map([[axis, exchanged as Permutation]]))
      expect(gate.passed).toBe(false)
      expect(gate.maxAbsLogitDifference).toBeGreaterThan(10 * gate.tolerance)
    }
  })

  it('fails a model whose logits are not numbers', async () => {
    await using model = await Checkpoint.open(`${folders}/seed-1`)
    const read = (name: string) => model.read(name)
    const broken = async (name: string) => {
      const { shape, data } = await read(name)
      return { shape, data: name === 'cls.predictions.bias' ? data.fill(Number.NaN) : data }
    }
    expect((await equivalenceGate(program, read, broken, probeBatch(graph))).passed).toBe(false)
  })
})

describe('the residual stream of shipped models', () => {
  const residual = (mode: string) => [`residual/${mode}`, `residual/${mode}/untied`]
  let setups: Record<'tied' | 'untied', { graph: Graph; program: Program }>

  beforeAll(async () => {
    await using model = await Checkpoint.open(`${folders}/seed-1`)
    const engine = await onnxEngine.create({ executionProvider: 'cpu' })
    const prepare = async (decoder: 'tied' | 'untied') => {
      const graph = graphOf(model.config, model.name, { padding: false, decoder })
      return { graph, program: await engine.compile(graph, { outputs: ['logits'] }) }
    }
    setups = { tied: await prepare('tied'), untied: await prepare('untied') }
  })
  afterAll(() => Promise.all([setups.tied.program.dispose(), setups.untied.program.dispose()]))

  async function gateOf(name: string, seed: number): Promise<EquivalenceGate> {
    await using model = await Checkpoint.open(`${folders}/seed-${seed}`)
    const method = alignmentMethod(name)
    const { graph, program } = setups[decoderOf(method.space)]
    const read = untiedReader((parameter) => model.read(parameter), setups.tied.graph, graph)
    const alignment = align(method, { graph, correlation: randomCorrelation(128, seed) })
    return await equivalenceGate(program, read, applyAlignment(read, graph, alignment), probeBatch(graph))
  }

  it.each(['first', 'last', 'all'].flatMap(residual))('passes, permuted as one and with its head: %s', async (name) => {
    for (const seed of [2, 3]) {
      const { passed, maxAbsLogitDifference } = await gateOf(name, seed)
      expect(passed).toBe(true)
      expect(maxAbsLogitDifference).toBeLessThanOrEqual(1e-4)
      expect(maxAbsLogitDifference).toBeGreaterThan(0)
    }
  })

  it('passes to the bit where it is left as it is', async () => {
    expect((await gateOf('residual/identity', 2)).maxAbsLogitDifference).toBe(0)
  })

  it.each([
    ...residual('separate'),
    ...['first', 'last', 'all', 'separate'].map((mode) => `residual/${mode}/released-code`),
  ])('fails by whole units, permuted apart or without its head: %s', async (name) => {
    const { passed, maxAbsLogitDifference } = await gateOf(name, 2)
    expect(passed).toBe(false)
    expect(maxAbsLogitDifference).toBeGreaterThan(1)
  })
})

describe('shipped models moved by their weights', () => {
  let models: { graph: Graph; weights: Map<number, Map<string, Tensor>>; program: Program; product: MatrixProduct }
  let programs: Record<TransposedFactor, Program>

  beforeAll(async () => {
    const engine = await onnxEngine.create({ executionProvider: 'cpu' })
    const weights = new Map<number, Map<string, Tensor>>()
    const opened = await Promise.all([1, 2].map((seed) => Checkpoint.open(`${folders}/seed-${seed}`)))
    const graph = graphOf(opened[0]!.config, opened[0]!.name, { padding: false })
    for (const [index, model] of opened.entries()) {
      const names = graph.parameters.map(({ name }) => name)
      weights.set(index + 1, new Map(await readWeights((name) => model.read(name), names)))
      await model.close()
    }
    programs = {
      left: await engine.compile(matrixProductGraph('left'), { outputs: ['product'] }),
      right: await engine.compile(matrixProductGraph('right'), { outputs: ['product'] }),
    }
    const product: MatrixProduct = async (left, right, transposed) =>
      (await programs[transposed].run(new Map(), { left, right })).product!.data
    models = { graph, weights, program: await engine.compile(graph, { outputs: ['logits'] }), product }
  })
  afterAll(() => Promise.all([models.program, programs.left, programs.right].map((program) => program.dispose())))

  async function move(name: string) {
    const { graph, weights, program, product } = models
    const [a, b] = [weights.get(1)!, weights.get(2)!]
    const correlation = randomCorrelation(128, 1)
    const alignment = await alignWeights(alignmentMethod(name), { graph, correlation, a, b, product })
    const read = readerOf(b)
    const aligned = applyAlignment(read, graph, alignment)
    return { aligned, gate: await equivalenceGate(program, read, aligned, probeBatch(graph)) }
  }

  it.each(['weight-matching', 'optimal-transport', 'ffn/weights+attention/transport'])(
    'pass the gate, and are nearer to one another: %s',
    async (name) => {
      const { aligned, gate } = await move(name)
      expect(gate.passed).toBe(true)
      expect(gate.maxAbsLogitDifference).toBeLessThanOrEqual(1e-4)
      expect(gate.maxAbsLogitDifference).toBeGreaterThan(0)
      const distanceTo = async (read: ParameterReader) => {
        let sum = 0
        for (const [parameter, { data }] of models.weights.get(1)!) {
          for (const [i, value] of (await read(parameter)).data.entries()) sum += (value - data[i]!) ** 2
        }
        return sum
      }
      expect(await distanceTo(aligned)).toBeLessThan(await distanceTo(readerOf(models.weights.get(2)!)))
    },
  )

  it('fail the gate by whole units, softly transported', async () => {
    const { gate } = await move('ffn/transport/sinkhorn')
    expect(gate.passed).toBe(false)
    expect(gate.maxAbsLogitDifference).toBeGreaterThan(1)
  })
})

describe('probeBatch', () => {
  it('is the same each time, and reaches over the vocabulary and all positions', () => {
    const { inputIds, selectedPositions } = probeBatch(graphOfConfig({ ...smallConfig, vocab_size: 40 }))
    expect(probeBatch(graphOfConfig({ ...smallConfig, vocab_size: 40 })).inputIds).toEqual(inputIds)
    expect(inputIds!.shape).toEqual([8, 7])
    expect(Math.min(...inputIds!.data)).toBeGreaterThanOrEqual(0)
    expect(Math.max(...inputIds!.data)).toBeLessThan(40)
    expect(new Set(inputIds!.data).size).toBeGreaterThan(20)
    expect([...selectedPositions!.data]).toEqual([0, 7, 14, 21, 28, 35, 42, 49])
  })

  it('is of blocks of 128 where the model takes longer ones', () => {
    const graph = graphOfConfig({ ...smallConfig, max_position_embeddings: 512 })
    expect(probeBatch(graph).inputIds!.shape).toEqual([8, 128])
  })

  it('is of pixels where the model reads images', () => {
    const graph = vit({
      hiddenSize: 4,
      numHiddenLayers: 1,
      numAttentionHeads: 2,
      intermediateSize: 3,
      imageSize: 6,
      patchSize: 3,
      numChannels: 3,
      layerNormEps: 1e-12,
      hiddenAct: 'gelu',
      queryKeyValueBias: true,
    })
    const { pixelValues } = probeBatch(graph)
    expect(pixelValues!.shape).toEqual([8, 3, 6, 6])
    expect(probeBatch(graph).pixelValues).toEqual(pixelValues)
    expect(Math.min(...pixelValues!.data)).toBeLessThan(-1.9)
    expect(Math.max(...pixelValues!.data)).toBeGreaterThan(1.9)
  })

  it('needs a model that reads tokens or images', () => {
    const graph = graphBuilder('perceptron')
    const x = graph.input('x', 'float32', ['batch', 3])
    graph.output('logits', graph.linear(x, graph.parameter('weight', [2, 3]), null, 'y'))
    expect(() => probeBatch(graph.build())).toThrow(
      new UserError(
        'the equivalence gate needs a model that reads tokens or images; perceptron has neither inputIds nor pixelValues',
      ),
    )
  })
})
