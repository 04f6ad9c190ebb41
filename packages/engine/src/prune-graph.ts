import type { Graph, Node, ValueId } from '@isthmus/model'
import { UserError } from '@isthmus/tensor'

/** The part of a graph that some of its outputs and taps depend on. */
export interface PrunedGraph {
  readonly graph: Graph
  /** The value of each requested name. */
  readonly values: ReadonlyMap<string, ValueId>
}

/** Keep what the requested outputs need: their nodes in order, and the inputs and parameters that those read.
 *
 *  @param names Names among the graph's outputs and taps.
 *  @throws {UserError} naming a name that is neither, with those that are.
 */
export function pruneGraph(graph: Graph, names: readonly string[]): PrunedGraph {
  const taps = new Map(graph.taps.map((tap) => [tap.name, tap.value]))
  const values = new Map<string, ValueId>()
  for (const name of names) {
    const value = graph.outputs[name] ?? taps.get(name)
    if (value === undefined) {
      const known = [...Object.keys(graph.outputs), ...taps.keys()].join(', ')
      throw new UserError(`${graph.architecture} has no output or tap '${name}'; it has ${known}`)
    }
    values.set(name, value)
  }
  const needed = new Set<string>(values.values())
  const nodes: Node[] = []
  for (const node of graph.nodes.toReversed()) {
    if (!needed.has(node.output)) continue
    nodes.push(node)
    for (const read of [...valuesRead(node), ...parametersRead(node)]) needed.add(read)
  }
  return {
    graph: {
      ...graph,
      inputs: graph.inputs.filter((input) => needed.has(input.name)),
      parameters: graph.parameters.filter((parameter) => needed.has(parameter.name)),
      nodes: nodes.toReversed(),
      shapes: Object.fromEntries(Object.entries(graph.shapes).filter(([value]) => needed.has(value))),
    },
    values,
  }
}

/** The values that a node reads. */
export function valuesRead(node: Node): ValueId[] {
  switch (node.op) {
    case 'gather':
      return [node.indices]
    case 'positions':
      return [node.like]
    case 'row':
      return []
    case 'matmul':
    case 'add':
      return [node.left, node.right]
    case 'attention':
      return [node.query, node.key, node.value, ...(node.mask === null ? [] : [node.mask])]
    case 'select':
      return [node.input, node.indices]
    case 'crossEntropy':
      return [node.logits, node.labels]
    case 'squaredError':
      return [node.predictions, node.labels]
    default:
      return [node.input]
  }
}

/** The parameters that a node reads. */
export function parametersRead(node: Node): string[] {
  switch (node.op) {
    case 'gather':
    case 'positions':
    case 'row':
    case 'prepend':
      return [node.table]
    case 'linear':
      return node.bias === null ? [node.weight] : [node.weight, node.bias]
    case 'layerNorm':
      return [node.weight, node.bias]
    default:
      return []
  }
}
