import { ShapeError, type Tensor, UserError } from '@isthmus/tensor'
import type { Dimension, Graph, Node, ValueId } from './graph.ts'
import * as operators from './reference-operators.ts'

/** What is fed to {@link interpret} beside the weights; float inputs may have either precision. */
export type InterpreterInputs = Readonly<Record<string, Tensor<Float64Array | Float32Array | Int32Array>>>

/** Run a graph in f64, slowly and plainly: what the engines and the symmetries are checked against.
 *
 *  Only what the outputs need is computed, so only what they need must be given.
 *  @param parameters By their names in the graph, in its shapes.
 *  @param inputs By their names in the graph.
 *  @param outputs Names among the graph's outputs and taps.
 *  @returns For each name, a new tensor.
 *  @throws {ShapeError} naming the input or parameter that is missing or has the wrong shape.
 *  @throws {UserError} naming an output that the graph does not have, or an index or label that is out of range.
 */
export function interpret(
  graph: Graph,
  parameters: ReadonlyMap<string, Tensor<Float64Array>>,
  inputs: InterpreterInputs,
  outputs: readonly string[],
): Record<string, Tensor<Float64Array>> {
  const producers = new Map(graph.nodes.map((node) => [node.output, node]))
  const values = new Map<ValueId, operators.Value>()
  const sizes = new Map<string, number>()

  const parameter = (name: string): operators.Value => {
    const expected = graph.parameters.find((candidate) => candidate.name === name)!
    const found = parameters.get(name)
    checkShape(`parameter '${name}'`, expected.shape, found, sizes)
    return found
  }
  const read = (id: ValueId): operators.Value => {
    const known = values.get(id)
    if (known !== undefined) return known
    const node = producers.get(id)
    const value = node === undefined ? input(id) : evaluate(node, read, parameter)
    values.set(id, value)
    return value
  }
  const input = (name: string): operators.Value => {
    const expected = graph.inputs.find((candidate) => candidate.name === name)!
    const found = inputs[name]
    checkShape(`input '${name}'`, expected.shape, found, sizes)
    return operators.toValue(found)
  }
  return Object.fromEntries(outputs.map((name) => [name, operators.toValue(read(valueNamed(graph, name)))]))
}

function evaluate(
  node: Node,
  read: (id: ValueId) => operators.Value,
  parameter: (name: string) => operators.Value,
): operators.Value {
  switch (node.op) {
    case 'gather':
      return operators.gather(parameter(node.table), read(node.indices))
    case 'positions':
      return operators.positions(parameter(node.table), read(node.like), node.offset)
    case 'row':
      return operators.rowOf(parameter(node.table), node.index)
    case 'patches':
      return operators.patches(read(node.input), node.size)
    case 'prepend':
      return operators.prepend(parameter(node.table), read(node.input))
    case 'linear': {
      const bias = node.bias === null ? null : parameter(node.bias)
      return operators.linear(read(node.input), parameter(node.weight), bias, node.weightLayout)
    }
    case 'slice':
      return operators.slice(read(node.input), node)
    case 'matmul':
      return operators.matmul(read(node.left), read(node.right), node.transposeLeft, node.transposeRight)
    case 'add':
      return operators.add(read(node.left), read(node.right))
    case 'layerNorm':
      return operators.layerNorm(read(node.input), parameter(node.weight), parameter(node.bias), node.epsilon)
    case 'gelu':
      return operators.elementwise(read(node.input), (x) => operators.gelu(x, node.approximation))
    case 'tanh':
      return operators.elementwise(read(node.input), Math.tanh)
    case 'relu':
      return operators.elementwise(read(node.input), (x) => Math.max(x, 0))
    case 'attention': {
      const mask = node.mask === null ? null : read(node.mask)
      return operators.attention(read(node.query), read(node.key), read(node.value), mask, node)
    }
    case 'select':
      return operators.select(read(node.input), read(node.indices))
    case 'first':
      return operators.first(read(node.input))
    case 'softmax':
      return operators.softmax(read(node.input))
    case 'crossEntropy':
      return operators.crossEntropy(read(node.logits), read(node.labels))
    case 'squaredError':
      return operators.squaredError(read(node.predictions), read(node.labels))
  }
}

function valueNamed(graph: Graph, name: string): ValueId {
  const value = graph.outputs[name] ?? graph.taps.find((tap) => tap.name === name)?.value
  if (value === undefined) {
    const known = [...Object.keys(graph.outputs), ...graph.taps.map((tap) => tap.name)].join(', ')
    throw new UserError(`${graph.architecture} has no output or tap '${name}'; it has ${known}`)
  }
  return value
}

function checkShape(
  subject: string,
  expected: readonly Dimension[],
  found: Tensor<Float64Array | Float32Array | Int32Array> | undefined,
  sizes: Map<string, number>,
): asserts found is Tensor<Float64Array | Float32Array | Int32Array> {
  if (found === undefined) throw new ShapeError(`${subject} is missing: it must be [${expected.join(', ')}]`)
  const fits =
    found.shape.length === expected.length &&
    expected.every((dimension, axis) => {
      const size = found.shape[axis]!
      if (typeof dimension === 'number') return dimension === size
      if (!sizes.has(dimension)) sizes.set(dimension, size)
      return sizes.get(dimension) === size
    })
  if (!fits) {
    const bound = [...sizes].map(([name, size]) => `${name} ${size}`).join(', ')
    throw new ShapeError(
      `${subject} must be [${expected.join(', ')}]${bound === '' ? '' : ` with ${bound}`}, found [${found.shape.join(', ')}]`,
    )
  }
}
