import type { Feeds } from '@isthmus/engine'
import { type Graph, interpret } from '@isthmus/model'
import type { Tensor } from '@isthmus/tensor'
import * as tf from '@tensorflow/tfjs'
import { evaluateGraph } from '../src/gradients.ts'

/** What a graph is differentiated by: parameters and float inputs, by name. */
export type Point = ReadonlyMap<string, Tensor<Float64Array>>

/** Σ over the outputs of ⟨weights, output⟩, by the reference interpreter in f64. */
export function referenceLoss(graph: Graph, at: Point, feeds: Feeds, weights: Point): number {
  const inputs = Object.fromEntries(graph.inputs.map(({ name }) => [name, at.get(name) ?? feeds[name]!]))
  const results = interpret(graph, at, inputs, [...weights.keys()])
  const terms = [...weights].map(([name, { data }]) => results[name]!.data.reduce((sum, y, i) => sum + y * data[i]!, 0))
  return terms.reduce((sum, term) => sum + term, 0)
}

/** The derivative of {@link referenceLoss} along a direction of one variable, by central differences. */
export function derivativeAlong(
  direction: Float64Array,
  name: string,
  graph: Graph,
  at: Point,
  feeds: Feeds,
  weights: Point,
): number {
  // In f64 the error of central differences is least, about 1e-10, for a step near the cube root of its precision.
  const step = 1e-5
  const moved = (by: number) => {
    const { shape, data } = at.get(name)!
    const there = new Map(at).set(name, { shape, data: data.map((x, i) => x + by * direction[i]!) })
    return referenceLoss(graph, there, feeds, weights)
  }
  return (moved(step) - moved(-step)) / (2 * step)
}

/** The gradient of the same loss by each variable, as TensorFlow.js has it. */
export function gradients(graph: Graph, at: Point, feeds: Feeds, weights: Point): Map<string, Float32Array> {
  const names = [...at.keys()]
  const loss = (...variables: tf.Tensor[]) => {
    const values = new Map(names.map((name, i) => [name, variables[i]!]))
    const inputs = graph.inputs.map(({ name, dtype }) => [
      name,
      values.get(name) ?? tf.tensor(feeds[name]!.data, [...feeds[name]!.shape], dtype),
    ])
    const results = evaluateGraph(graph, values, Object.fromEntries(inputs), [...weights.keys()])
    const terms = [...weights].map(([name, weight]) => tf.sum(tf.mul(results[name]!, toTensor(weight))))
    return tf.addN(terms) as tf.Scalar
  }
  const variables = [...at.values()].map(toTensor)
  const found = tf.grads(loss)(variables)
  const gradient = new Map(found.map((value, i) => [names[i]!, value.dataSync<'float32'>().slice()]))
  tf.dispose([variables, found])
  return gradient
}

export function toTensor({ shape, data }: Tensor<Float64Array>): tf.Tensor {
  return tf.tensor(Float32Array.from(data), [...shape], 'float32')
}
