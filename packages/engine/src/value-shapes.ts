import type { Dimension, Graph, Node, ValueId } from '@isthmus/model'

/** The shape of every value of a graph, in the dimensions of its inputs: what an engine needs to lay out its results. */
export function valueShapes(graph: Graph): ReadonlyMap<ValueId, readonly Dimension[]> {
  const parameters = new Map(graph.parameters.map((parameter) => [parameter.name, parameter.shape]))
  const shapes = new Map<ValueId, readonly Dimension[]>(graph.inputs.map((input) => [input.name, input.shape]))
  for (const node of graph.nodes) shapes.set(node.output, outputShape(node, shapes, parameters))
  return shapes
}

function outputShape(
  node: Node,
  shapes: ReadonlyMap<ValueId, readonly Dimension[]>,
  parameters: ReadonlyMap<string, readonly number[]>,
): readonly Dimension[] {
  const of = (value: ValueId) => shapes.get(value)!
  switch (node.op) {
    case 'gather':
      return [...of(node.indices), parameters.get(node.table)![1]!]
    case 'positions':
      return [of(node.like)[1]!, parameters.get(node.table)![1]!]
    case 'linear':
      return [...of(node.input).slice(0, -1), parameters.get(node.weight)![0]!]
    case 'matmul':
      return [of(node.left)[node.transposeLeft ? 1 : 0]!, of(node.right)[node.transposeRight ? 0 : 1]!]
    case 'add':
      return of(node.left)
    case 'attention':
      return [...of(node.query).slice(0, -1), of(node.value).at(-1)!]
    case 'select':
      return [of(node.indices)[0]!, of(node.input).at(-1)!]
    case 'first':
      return [of(node.input)[0]!, of(node.input).at(-1)!]
    case 'crossEntropy':
      return of(node.labels)
    default:
      return of(node.input)
  }
}
