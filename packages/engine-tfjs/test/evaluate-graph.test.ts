import { execFileSync } from 'node:child_process'
import { join } from 'node:path'
import { drawWeights, relativeDifference, type SmallModel, smallModels } from '@isthmus/engine/contract'
import { graphBuilder, interpret, type Node, randomParameters } from '@isthmus/model'
import type { Tensor } from '@isthmus/tensor'
import * as tf from '@tensorflow/tfjs'
import { beforeAll, describe, expect, it } from 'vitest'
import { dropoutSites, evaluateGraph, openBackend } from '../src/gradients.ts'
import { availableBackends } from './available-backends.ts'
import { toTensor } from './derivatives.ts'
import { startTraining } from './train-steps.ts'

for (const backend of availableBackends.filter((name) => name !== 'javascript')) {
  describe(`a training step on ${backend}`, () => {
    beforeAll(async () => {
      await openBackend(backend)
    })

    it('keeps nothing: 1,000 of them leave as many tensors as there were, and a lower loss', () => {
      const training = startTraining()
      const first = training.step()
      const { numTensors, numDataBuffers } = tf.memory()
      const held = tf.engine().backend.numDataIds()
      let last = first
      for (let step = 0; step < 1000; step++) last = training.step()
      expect(tf.memory()).toMatchObject({ numTensors, numDataBuffers })
      expect(tf.engine().backend.numDataIds()).toBe(held)
      expect(last).toBeLessThan(first / 2)
      training.dispose()
    }, 600_000)

    it('has the same bits in a fresh process', () => {
      const digest = () =>
        execFileSync(process.execPath, ['--import', 'tsx', join(import.meta.dirname, 'print-digest.ts'), backend], {
          encoding: 'utf8',
        })
      const first = digest()
      expect(first).toMatch(/^[0-9a-f]{64}$/)
      expect(digest()).toBe(first)
    })

    it('multiplies the probabilities of an attention by their mask, in the value and in the gradients', () => {
      const { masked, oracle } = maskedAttention()
      for (const name of ['context', 'query', 'key', 'value'] as const) {
        expect(relativeDifference(masked[name], oracle[name]), name).toBeLessThan(1e-4)
      }
    })
  })
}

/** One head attends, its probabilities masked: its context, and the gradients of a weighted sum of it, by TensorFlow.js
 *  and by differences of the formula in f64. */
function maskedAttention() {
  const [sequence, width] = [5, 3]
  const shape = [1, sequence, width]
  const names = ['query', 'key', 'value', 'weights'] as const
  const parameters = names.map((name) => ({ name, shape }))
  const drawn = randomParameters({ ...graphBuilder('draw').build(), parameters }, 5)
  const mask = Float64Array.from({ length: sequence * sequence }, (_, i) => (i % 3 === 0 ? 0 : 1.5))
  const [graph, softmax] = [graphBuilder('attention'), graphBuilder('softmax')]
  const [query, key, value] = (['query', 'key', 'value'] as const).map((name) => graph.input(name, 'float32', shape))
  const operands = { query: query!, key: key!, value: value!, mask: null, numHeads: 1, causal: false }
  graph.output('context', graph.attention(operands, 'context'))
  const scores = softmax.matmul(
    softmax.input('query', 'float32', [sequence, width]),
    softmax.input('key', 'float32', [sequence, width]),
    { right: true },
    'scores',
  )
  softmax.output('probabilities', softmax.softmax(scores, 'probabilities'))
  const softmaxGraph = softmax.build()

  const contextOf = (at: Record<string, Float64Array>) => {
    const rows = (data: Float64Array) => ({ shape: [sequence, width], data })
    const scaled = at.query!.map((x) => x / Math.sqrt(width))
    const feeds = { query: rows(scaled), key: rows(at.key!) }
    const { probabilities } = interpret(softmaxGraph, new Map(), feeds, ['probabilities'])
    return Float64Array.from({ length: sequence * width }, (_, i) => {
      const [row, column] = [Math.floor(i / width), i % width]
      let sum = 0
      for (let j = 0; j < sequence; j++) {
        const place = row * sequence + j
        sum += probabilities!.data[place]! * mask[place]! * at.value![j * width + column]!
      }
      return sum
    })
  }
  const at = Object.fromEntries([...drawn].map(([name, { data }]) => [name, data]))
  const lossOf = (point: Record<string, Float64Array>) =>
    contextOf(point).reduce((sum, element, i) => sum + element * at.weights![i]!, 0)
  const differences = (name: string) =>
    at[name]!.map((_, i) => {
      const moved = (by: number) => lossOf({ ...at, [name]: at[name]!.map((x, j) => (j === i ? x + by : x)) })
      return (moved(1e-5) - moved(-1e-5)) / 2e-5
    })

  const tensors = new Map([...drawn].map(([name, tensor]) => [name, toTensor(tensor)]))
  const maskTensor = tf.tensor(Float32Array.from(mask), [1, 1, sequence, sequence])
  const dropoutMask = (node: Node) => (node.op === 'attention' ? maskTensor : null)
  const evaluate = (...[q, k, v]: tf.Tensor[]) =>
    evaluateGraph(graph.build(), new Map(), { query: q!, key: k!, value: v! }, ['context'], { dropoutMask }).context!
  const inputs = [tensors.get('query')!, tensors.get('key')!, tensors.get('value')!]
  const gradients = tf.grads((...x: tf.Tensor[]) => tf.sum(tf.mul(evaluate(...x), tensors.get('weights')!)))(inputs)
  const [dQuery, dKey, dValue] = gradients.map((gradient) => gradient.dataSync())
  return {
    masked: { context: evaluate(...inputs).dataSync(), query: dQuery!, key: dKey!, value: dValue! },
    oracle: {
      context: contextOf(at),
      query: differences('query'),
      key: differences('key'),
      value: differences('value'),
    },
  }
}

describe('dropoutSites', () => {
  beforeAll(async () => {
    await openBackend('wasm')
  })

  it('finds the places of a BERT classifier', () => {
    const sites = dropoutSites(model('BERT classifier').graph)
    expect([...sites].map(([value, site]) => `${site}: ${value}`)).toEqual([
      'embeddings: residual.embeddings',
      'attention: attention.0',
      'sublayer: bert.encoder.layer.0.attention.output.dense',
      'sublayer: bert.encoder.layer.0.output.dense',
      'attention: attention.1',
      'sublayer: bert.encoder.layer.1.attention.output.dense',
      'sublayer: bert.encoder.layer.1.output.dense',
      'head: pooler',
    ])
  })

  for (const { name, graph } of smallModels) {
    it(`finds those of each layer of a ${name}`, () => {
      const sites = [...dropoutSites(graph).values()]
      const layers = graph.nodes.filter(({ op }) => op === 'attention').length
      expect(sites.filter((site) => site === 'embeddings')).toHaveLength(1)
      expect(sites.filter((site) => site === 'attention')).toHaveLength(layers)
      expect(sites.filter((site) => site === 'sublayer')).toHaveLength(2 * layers)
      expect(sites.filter((site) => site === 'head')).toHaveLength(
        name === 'BERT classifier' || name === 'BERT regression' ? 1 : 0,
      )
    })
  }

  it('are what the sublayers of a GPT-2 add: without them the stream stays as the embeddings begin it', () => {
    const { graph, feeds } = model('GPT-2 without padding')
    const sites = dropoutSites(graph)
    const dropoutMask = ({ output }: Node, shape: readonly number[]) =>
      sites.get(output) === 'sublayer' ? tf.zeros([...shape]) : null
    const results = evaluate(graph, feeds({ batch: 2, sequence: 5 }, 3), dropoutMask)
    const [start, end] = ['residual.embeddings', 'residual.1.output'].map((tap) => results[tap]!)
    expect(end).toEqual(start)
    expect(evaluate(graph, feeds({ batch: 2, sequence: 5 }, 3), () => null)['residual.1.output']).not.toEqual(start)
  })

  function model(name: string): SmallModel {
    return smallModels.find((candidate) => candidate.name === name)!
  }

  function evaluate(
    graph: SmallModel['graph'],
    feeds: ReturnType<SmallModel['feeds']>,
    dropoutMask: (node: Node, shape: readonly number[]) => tf.Tensor | null,
  ) {
    const toTensors = (values: Iterable<readonly [string, Tensor | Tensor<Int32Array>]>) =>
      [...values].map(([name, { data, shape }]) => {
        const dtype = data instanceof Int32Array ? 'int32' : 'float32'
        return [name, tf.tensor(data, [...shape], dtype)] as const
      })
    const parameters = new Map(toTensors(drawWeights(graph, 4)))
    const inputs = Object.fromEntries(toTensors(Object.entries(feeds)))
    const taps = ['residual.embeddings', 'residual.1.output']
    const results = evaluateGraph(graph, parameters, inputs, taps, { dropoutMask })
    return Object.fromEntries(taps.map((tap) => [tap, results[tap]!.dataSync()]))
  }
})
