import { pruneGraph, valuesRead } from '@isthmus/engine'
import type { Graph, Node, ValueId } from '@isthmus/model'
import * as tf from '@tensorflow/tfjs'
import { attention, attentionBias } from './attention.ts'
import * as operators from './operators.ts'

/** What training adds to the computation of a graph. */
export interface EvaluationOptions {
  /** What a node's value is multiplied by, of an attention the probabilities `[batch, heads, sequence, sequence]`: for
   *  dropout at rate r, a mask of 0 and 1 / (1 − r). Null leaves the value as it is.
   *
   *  @param shape Of what is multiplied.
   */
  readonly dropoutMask?: (node: Node, shape: readonly number[]) => tf.Tensor | null
}

/** Compute a graph with TensorFlow.js, so that it can be differentiated.
 *
 *      const loss = () => tf.mean(evaluateGraph(graph, variables, feeds, ['negativeLogLikelihood']).negativeLogLikelihood)
 *      const { value, grads } = tf.variableGrads(loss)
 *
 *  Each value is freed once nothing needs it any more. On one backend of one machine, the same bits each time.
 *  @param parameters By their names in the graph, in its shapes; variables or tensors.
 *  @param feeds By their names in the graph. Neither they nor the parameters are checked: see `checkFeeds`.
 *  @param outputs Names among the graph's outputs and taps.
 *  @returns By name. The caller disposes of them, or calls from within a `tf.tidy` or what is differentiated.
 *  @throws {UserError} naming an output that the graph does not have.
 */
export function evaluateGraph(
  graph: Graph,
  parameters: ReadonlyMap<string, tf.Tensor>,
  feeds: Readonly<Record<string, tf.Tensor>>,
  outputs: readonly string[],
  { dropoutMask = () => null }: EvaluationOptions = {},
): Record<string, tf.Tensor> {
  const { graph: needed, values: requested } = pruneGraph(graph, outputs)
  return tf.tidy(() => {
    const values = new Map(Object.entries(feeds))
    const lastReaders = new Map(needed.nodes.flatMap((node) => valuesRead(node).map((value) => [value, node] as const)))
    const kept = new Set<ValueId>([...requested.values(), ...Object.keys(feeds)])
    const biases = new Map<string, tf.Tensor>()
    for (const node of needed.nodes) {
      const bias = node.op === 'attention' ? sharedBias(biases, node, values) : null
      const value = tf.tidy(() => {
        const computed = compute({
          node,
          bias,
          value: (id) => values.get(id)!,
          parameter: (name) => parameters.get(name)!,
          dropoutMask: (shape) => dropoutMask(node, shape),
        })
        const mask = node.op === 'attention' ? null : dropoutMask(node, computed.shape)
        return mask === null ? computed : tf.mul(computed, mask)
      })
      values.set(node.output, value)
      for (const read of valuesRead(node)) {
        if (lastReaders.get(read) === node && !kept.has(read)) values.get(read)!.dispose()
      }
    }
    return Object.fromEntries([...requested].map(([name, value]) => [name, values.get(value)!]))
  })
}

type AttentionNode = Extract<Node, { op: 'attention' }>

/** What hides tokens is the same in all layers. */
function sharedBias(
  biases: Map<string, tf.Tensor>,
  { mask, causal, query }: AttentionNode,
  values: ReadonlyMap<ValueId, tf.Tensor>,
): tf.Tensor | null {
  if (mask === null && !causal) return null
  const sequence = values.get(query)!.shape[1]!
  const key = JSON.stringify([mask, causal, sequence])
  const bias = biases.get(key) ?? attentionBias(sequence, mask === null ? null : values.get(mask)!, causal)
  biases.set(key, bias)
  return bias
}

/** What the computation of one node can reach. */
interface Computation<Op extends Node['op']> {
  readonly node: Extract<Node, { op: Op }>
  readonly bias: tf.Tensor | null
  value(id: ValueId): tf.Tensor
  parameter(name: string): tf.Tensor
  dropoutMask(shape: readonly number[]): tf.Tensor | null
}

/** How each operator is computed. */
const computations: { readonly [Op in Node['op']]: (of: Computation<Op>) => tf.Tensor } = {
  gather: ({ node, value, parameter }) => operators.gather(parameter(node.table), value(node.indices)),
  positions: ({ node, value, parameter }) =>
    operators.positions(parameter(node.table), node.offset, value(node.like).shape[1]!),
  row: ({ node, parameter }) => operators.row(parameter(node.table), node.index),
  patches: ({ node, value }) => operators.patches(value(node.input), node.size),
  prepend: ({ node, value, parameter }) => operators.prepend(parameter(node.table), value(node.input)),
  linear: ({ node, value, parameter }) => {
    const bias = node.bias === null ? null : parameter(node.bias)
    return operators.linear(value(node.input), parameter(node.weight), bias, node.weightLayout)
  },
  slice: ({ node, value }) => operators.sliceFeatures(value(node.input), node.start, node.size),
  matmul: ({ node, value }) => tf.matMul(value(node.left), value(node.right), node.transposeLeft, node.transposeRight),
  add: ({ node, value }) => tf.add(value(node.left), value(node.right)),
  layerNorm: ({ node, value, parameter }) =>
    operators.layerNorm(value(node.input), parameter(node.weight), parameter(node.bias), node.epsilon),
  gelu: ({ node, value }) => operators.gelu(value(node.input), node.approximation),
  tanh: ({ node, value }) => tf.tanh(value(node.input)),
  relu: ({ node, value }) => tf.relu(value(node.input)),
  attention: ({ node, bias, value, dropoutMask }) =>
    attention(value(node.query), value(node.key), value(node.value), { numHeads: node.numHeads, bias, dropoutMask }),
  select: ({ node, value }) => operators.select(value(node.input), value(node.indices)),
  first: ({ node, value }) => operators.first(value(node.input)),
  softmax: ({ node, value }) => tf.softmax(value(node.input)),
  crossEntropy: ({ node, value }) => operators.crossEntropy(value(node.logits), value(node.labels)),
  squaredError: ({ node, value }) => operators.squaredError(value(node.predictions), value(node.labels)),
}

function compute<Op extends Node['op']>(of: Computation<Op>): tf.Tensor {
  const computation = computations[of.node.op as Op] as (of: Computation<Op>) => tf.Tensor
  return computation(of)
}
