import { checkFeeds, type Feeds } from '@isthmus/engine'
import { dropoutSites, evaluateGraph, type OpenBackend } from '@isthmus/engine-tfjs/gradients'
import type { Graph, Node } from '@isthmus/model'
import { elementCount, type Tensor } from '@isthmus/tensor'
import * as tf from '@tensorflow/tfjs'
import type { Differentiator, LossOptions } from './differentiator.ts'
import { dropoutMask } from './dropout-mask.ts'

type Dropout = NonNullable<LossOptions['dropout']>

/** Losses and gradients on a backend that is loaded. This module loads TensorFlow.js; `openDifferentiator` does when asked. */
export function lossFunctions(backend: OpenBackend): Differentiator {
  return {
    loss(graph, parameters, feeds) {
      checkFeeds(graph, parameters, feeds)
      backend.activate()
      return tf.tidy(() => {
        const values = graph.parameters.map(({ name }) => toTensor(parameters.get(name)!))
        return meanLoss(graph, values, feedTensors(graph, feeds)).dataSync()[0]!
      })
    },
    gradients(graph, parameters, feeds, { dropout } = {}) {
      checkFeeds(graph, parameters, feeds)
      backend.activate()
      const { value, grads } = tf.tidy(() => {
        const fed = feedTensors(graph, feeds)
        const loss = (...values: tf.Tensor[]) => meanLoss(graph, values, fed, dropout)
        return tf.valueAndGrads(loss)(graph.parameters.map(({ name }) => toTensor(parameters.get(name)!)))
      })
      const loss = value.dataSync()[0]!
      const gradients = new Map<string, Tensor>()
      for (const [index, { name, shape }] of graph.parameters.entries()) {
        // A backend may hand out memory that is its own until the tensor is disposed of.
        gradients.set(name, { shape, data: grads[index]!.dataSync<'float32'>().slice() })
      }
      tf.dispose([value, ...grads])
      return { loss, gradients }
    },
  }
}

function meanLoss(
  graph: Graph,
  values: readonly tf.Tensor[],
  feeds: Readonly<Record<string, tf.Tensor>>,
  dropout?: Dropout,
): tf.Scalar {
  const parameters = new Map(graph.parameters.map(({ name }, index) => [name, values[index]!]))
  const options = dropout === undefined || dropout.rate === 0 ? {} : { dropoutMask: maskedBy(graph, dropout) }
  const { negativeLogLikelihood } = evaluateGraph(graph, parameters, feeds, ['negativeLogLikelihood'], options)
  return tf.mean(negativeLogLikelihood!)
}

/** A mask for each node that dropout is applied to, fixed by the seed, the step and the node's place in the graph. */
function maskedBy(graph: Graph, { rate, seed, step }: Dropout) {
  const sites = dropoutSites(graph)
  return (node: Node, shape: readonly number[]): tf.Tensor | null => {
    if (!sites.has(node.output)) return null
    return tf.tensor(dropoutMask(elementCount(shape), rate, seed, step, node.output), [...shape])
  }
}

function feedTensors(graph: Graph, feeds: Feeds): Record<string, tf.Tensor> {
  return Object.fromEntries(graph.inputs.map(({ name }) => [name, toTensor(feeds[name]!)]))
}

function toTensor({ data, shape }: Tensor | Tensor<Int32Array>): tf.Tensor {
  return tf.tensor(data, [...shape], data instanceof Int32Array ? 'int32' : 'float32')
}
