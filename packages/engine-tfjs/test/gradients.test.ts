import { resolveShape } from '@isthmus/engine'
import {
  drawFeeds,
  drawWeights,
  type OperatorGraph,
  operatorGraphs,
  relativeDifference,
  smallModels,
} from '@isthmus/engine/contract'
import { type Graph, randomParameters } from '@isthmus/model'
import type { Tensor } from '@isthmus/tensor'
import * as tf from '@tensorflow/tfjs'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { openBackend } from '../src/gradients.ts'
import { availableBackends } from './available-backends.ts'
import { derivativeAlong, gradients, type Point } from './derivatives.ts'

/** A gradient in f32 against differences in f64, relative to the gradient's largest element. */
const tolerance = 1e-4

/** Everything that a graph can be differentiated by, with drawn values that f32 holds exactly. */
function drawPoint({ graph, sizes, limits }: Omit<OperatorGraph, 'name'>, seed: number) {
  const feeds = drawFeeds(graph, sizes, limits, seed)
  const floats = graph.inputs.filter(({ dtype }) => dtype === 'float32')
  const at: Point = new Map([
    ...[...drawWeights(graph, seed + 1)].map(([name, tensor]) => [name, inF64(tensor)] as const),
    ...floats.map(({ name }) => [name, inF64(feeds[name]!)] as const),
  ])
  return { feeds, at }
}

function inF64({ shape, data }: Tensor | Tensor<Int32Array>): Tensor<Float64Array> {
  return { shape, data: Float64Array.from(data) }
}

/** Random numbers in the shapes that values of a graph have in a run. */
function drawLike(graph: Graph, sizes: ReadonlyMap<string, number>, names: readonly string[], seed: number): Point {
  const parameters = names.map((name) => ({ name, shape: resolveShape(graph.shapes[graph.outputs[name]!]!, sizes) }))
  return new Map(
    [...randomParameters({ ...graph, parameters }, seed)].map(([name, { shape, data }]) => [
      name,
      { shape, data: data.map(Math.fround) },
    ]),
  )
}

for (const backend of availableBackends) {
  describe(`gradients on ${backend}`, () => {
    for (const { name, graph, sizes, limits } of operatorGraphs) {
      it(`match finite differences: ${name}`, async () => {
        await openBackend(backend)
        const property = fc.property(fc.integer({ min: 0, max: 1e6 }), (seed) => {
          const { feeds, at } = drawPoint({ graph, sizes, limits }, seed)
          const weights = drawLike(graph, sizes, Object.keys(graph.outputs), seed + 2)
          for (const [variable, found] of gradients(graph, at, feeds, weights)) {
            const differences = Float64Array.from(found, (_, i) => {
              const direction = new Float64Array(found.length)
              direction[i] = 1
              return derivativeAlong(direction, variable, graph, at, feeds, weights)
            })
            expect(relativeDifference(found, differences), variable).toBeLessThan(tolerance)
          }
        })
        fc.assert(property, { numRuns: 2 })
      })
    }

    for (const { name, graph, feeds: drawBatch } of smallModels) {
      it(`match finite differences along random directions: the loss of a small ${name}`, async () => {
        await openBackend(backend)
        const [batch, sequence] = [2, 5]
        const feeds = drawBatch({ batch, sequence }, 1)
        const at: Point = new Map([...drawWeights(graph, 2)].map(([parameter, tensor]) => [parameter, inF64(tensor)]))
        const labels = feeds.labels!.shape[0]!
        const weights: Point = new Map([
          ['negativeLogLikelihood', { shape: [labels], data: new Float64Array(labels).fill(Math.fround(1 / labels)) }],
        ])
        const found = gradients(graph, at, feeds, weights)
        const directions = randomParameters(graph, 3)
        const largest = Math.max(...[...found.values()].map((gradient) => Math.hypot(...gradient)))
        for (const [parameter, gradient] of found) {
          const { data: direction } = directions.get(parameter)!
          const along = gradient.reduce((sum, element, i) => sum + element * direction[i]!, 0)
          const difference = derivativeAlong(direction, parameter, graph, at, feeds, weights)
          expect(Math.abs(along - difference) / largest, parameter).toBeLessThan(tolerance)
        }
        expect(found.size).toBe(graph.parameters.length)
      })
    }

    it('of tf.gather sum over rows that are read twice', async () => {
      await openBackend(backend)
      const gradient = tf.tidy(() => {
        const read = (table: tf.Tensor) => tf.sum(tf.mul(tf.gather(table, [2, 0, 2]), [[1], [10], [100]])) as tf.Scalar
        return tf
          .grad(read)(tf.ones([3, 2]))
          .dataSync()
      })
      expect([...gradient]).toEqual([10, 10, 0, 0, 101, 101])
    })
  })
}
