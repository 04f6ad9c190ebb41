import type { Graph, Node, ParameterAxis, PermutableAxis } from '@isthmus/model'

/** The members of an axis that write its features: weights along their outputs, biases, norms, and tables of embeddings.
 *
 *  A tied decoder's embeddings write the stream where they are looked up, and read it where they decode: they count.
 */
export function incomingMembers(graph: Graph, { members }: PermutableAxis): ParameterAxis[] {
  return members.filter((member) => writtenAt(graph, member) < Infinity)
}

/** The place in the graph of the first node that writes features along a parameter's axis; Infinity where none does. */
export function writtenAt(graph: Graph, member: ParameterAxis): number {
  const index = graph.nodes.findIndex((node) => writes(graph, node, member))
  return index < 0 ? Infinity : index
}

function writes(graph: Graph, node: Node, { parameter, axis }: ParameterAxis): boolean {
  switch (node.op) {
    case 'linear':
      if (node.bias === parameter) return true
      return node.weight === parameter && axis === (node.weightLayout === 'outIn' ? 0 : 1)
    case 'layerNorm':
      return node.weight === parameter || node.bias === parameter
    case 'gather':
    case 'positions':
    case 'row':
    case 'prepend': {
      const table = graph.parameters.find(({ name }) => name === node.table)!
      return node.table === parameter && axis === table.shape.length - 1
    }
    default:
      return false
  }
}
