import { join } from 'node:path'
import { Checkpoint, openSafetensors } from '@isthmus/checkpoint'
import { ShapeError, type Tensor, tensor, UserError } from '@isthmus/tensor'
import { describe, expect, it } from 'vitest'
import { type Graph, graphBuilder, graphOf, interpret } from '../src/index.ts'

const fixtures = join(import.meta.dirname, 'fixtures')
const models = join(import.meta.dirname, '../../../datasets/models')
/** PyTorch computes in f32: a few units in the last place of logits of size 10, through all layers. */
const pytorch = 1e-4

async function parametersOf(graph: Graph, checkpoint: Checkpoint): Promise<Map<string, Tensor<Float64Array>>> {
  const parameters = new Map<string, Tensor<Float64Array>>()
  for (const { name } of graph.parameters) {
    const { shape, data } = await checkpoint.read(name)
    parameters.set(name, { shape, data: Float64Array.from(data) })
  }
  return parameters
}

function distance(a: Tensor<Float64Array>, b: Tensor): number {
  return b.data.reduce((largest, x, i) => Math.max(largest, Math.abs(x - a.data[i]!)), 0)
}

describe('interpret agrees with PyTorch on a trained model', () => {
  it('in the features of every tap and the logits', async () => {
    await using checkpoint = await Checkpoint.open(join(models, 'seed-1'))
    await using expected = await openSafetensors(join(fixtures, 'seed-1.safetensors'))
    const graph = graphOf(checkpoint.config, 'config.json', { padding: false })
    const inputIds = await expected.readInt32('masked_ids')
    const inputs = {
      inputIds,
      tokenTypeIds: tensor(new Int32Array(inputIds.data.length), inputIds.shape),
      selectedPositions: await expected.readInt32('selected_positions'),
    }
    const taps = graph.taps.map(({ name }) => name).filter((name) => name !== 'mlmHead')
    const results = interpret(graph, await parametersOf(graph, checkpoint), inputs, ['logits', ...taps])
    const features = [...expected.tensors.keys()].filter((name) => name.startsWith('feature.'))
    expect(features.sort()).toEqual(taps.map((name) => `feature.${name}`).sort())
    for (const name of ['logits', ...taps]) {
      const pytorchValue = await expected.read(name === 'logits' ? name : `feature.${name}`)
      expect(distance(results[name]!, pytorchValue), name).toBeLessThan(pytorch)
    }
  })
})

describe('interpret', () => {
  const graph = graphBuilder('toy')
  const x = graph.input('x', 'float32', ['n', 2])
  const y = graph.input('y', 'float32', ['n', 2])
  const labels = graph.input('labels', 'int32', ['n'])
  const product = graph.matmul(x, y, { left: true }, 'product')
  const probabilities = graph.softmax(graph.relu(x, 'rectified'), 'probabilities')
  const mapped = graph.linear(x, graph.parameter('w', [3, 2]), null, 'mapped')
  graph.tap('ffn.0', 'ffn', 0, graph.tanh(mapped, 'bent'))
  graph.output('product', product)
  graph.output('probabilities', probabilities)
  graph.output('loss', graph.crossEntropy(mapped, labels, 'loss'))
  const toy = graph.build()
  const weights = new Map([['w', tensor(Float64Array.of(1, 0, 0, 1, 1, 1), [3, 2])]])
  const inputs = {
    x: tensor(Float64Array.of(1, 2, -3, Math.log(3)), [2, 2]),
    y: tensor(Float32Array.of(1, 0, 0, 1), [2, 2]),
  }

  it('computes outputs and taps, and asks only for what they need', () => {
    const product = interpret(toy, new Map(), inputs, ['product'])
    expect(product).toEqual({ product: tensor(Float64Array.of(1, -3, 2, Math.log(3)), [2, 2]) })
    const { probabilities, 'ffn.0': tap } = interpret(toy, weights, { x: inputs.x }, ['probabilities', 'ffn.0'])
    expect(probabilities!.data[2]).toBeCloseTo(0.25, 12)
    expect([...tap!.data.subarray(0, 3)]).toEqual([Math.tanh(1), Math.tanh(2), Math.tanh(3)])
  })

  it('returns new tensors', () => {
    const first = interpret(toy, weights, { x: inputs.x }, ['probabilities']).probabilities!
    first.data.fill(0)
    expect(interpret(toy, weights, { x: inputs.x }, ['probabilities']).probabilities!.data[2]).toBeCloseTo(0.25, 12)
  })

  it('names what is missing or of another shape', () => {
    const run = (given: typeof weights, fed: Parameters<typeof interpret>[2], outputs: string[]) => () =>
      interpret(toy, given, fed, outputs)
    expect(run(weights, { x: inputs.x }, ['product'])).toThrow(
      new ShapeError("input 'y' is missing: it must be [n, 2]"),
    )
    expect(run(new Map(), inputs, ['loss'])).toThrow(new ShapeError("parameter 'w' is missing: it must be [3, 2]"))
    const short = { ...inputs, y: tensor(Float64Array.of(1, 2), [1, 2]) }
    expect(run(weights, short, ['product'])).toThrow(new ShapeError("input 'y' must be [n, 2] with n 2, found [1, 2]"))
    const wide = new Map([['w', tensor(new Float64Array(9), [3, 3])]])
    expect(run(wide, inputs, ['ffn.0'])).toThrow(new ShapeError("parameter 'w' must be [3, 2] with n 2, found [3, 3]"))
    expect(run(weights, inputs, ['ffn.1'])).toThrow(
      new UserError("toy has no output or tap 'ffn.1'; it has product, probabilities, loss, ffn.0"),
    )
    const outside = { ...inputs, labels: tensor(Int32Array.of(0, 3), [2]) }
    expect(run(weights, outside, ['loss'])).toThrow(new UserError('label 3 is none of 3 classes'))
  })
})
