import type { Graph, Node, ValueId } from '@isthmus/model'
import { type PrunedGraph, valuesRead } from './prune-graph.ts'

type Selection = Extract<Node, { op: 'select' | 'first' }>

/** Select tokens before the work on each token by itself rather than after it: of the last layer only attention then
 *  sees all tokens. Computes the same.
 *
 *      select(f(x, y)) = f(select(x), select(y))     for f that maps each row by itself
 *
 *  @param pruned Values that are asked for, and those that are read for all tokens, stay as they are.
 */
export function selectEarly({ graph, values }: PrunedGraph): PrunedGraph {
  const asked = new Set(values.values())
  const narrowed = graph.nodes
    .filter((node): node is Selection => node.op === 'select' || node.op === 'first')
    .reduce((narrower, selection) => narrow(narrower, selection, asked), graph)
  return { graph: narrowed, values }
}

function narrow(graph: Graph, selection: Selection, asked: ReadonlySet<ValueId>): Graph {
  const isIndexed = selection.op === 'first' || graph.inputs.some(({ name }) => name === selection.indices)
  const selected = selectedOnly(graph, selection, asked)
  if (!isIndexed || !selected.has(selection.input)) return graph
  const rows = graph.shapes[selection.output]!.slice(0, -1)
  const shapes = { ...graph.shapes }
  const names = new Map<ValueId, ValueId>([[selection.input, selection.output]])
  const nodes: Node[] = []
  for (const node of graph.nodes) {
    if (node === selection) continue
    if (!selected.has(node.output)) {
      nodes.push(node)
      continue
    }
    for (const read of valuesRead(node)) {
      if (selected.has(read) || names.has(read)) continue
      names.set(read, `${read}.${selection.output}`)
      nodes.push({ ...selection, input: read, output: names.get(read)! })
      shapes[names.get(read)!] = [...rows, shapes[read]!.at(-1)!]
    }
    nodes.push(renamed(node, names))
    if (node.output !== selection.input) shapes[node.output] = [...rows, shapes[node.output]!.at(-1)!]
  }
  delete shapes[selection.input]
  return { ...graph, nodes, shapes }
}

/** The values of which nothing but a selection is used, in the end: each is made row by row. */
function selectedOnly(graph: Graph, selection: Selection, asked: ReadonlySet<ValueId>): Set<ValueId> {
  const readers = new Map<ValueId, Node[]>()
  const selected = new Set<ValueId>()
  for (const node of graph.nodes.toReversed()) {
    const isSelectedOnly = readers
      .get(node.output)
      ?.every((reader) => reader === selection || selected.has(reader.output))
    if (isSelectedOnly && !asked.has(node.output) && isRowWise(node, graph)) selected.add(node.output)
    for (const read of valuesRead(node)) readers.set(read, [...(readers.get(read) ?? []), node])
  }
  return selected
}

function isRowWise(node: Node, { shapes }: Graph): boolean {
  switch (node.op) {
    case 'linear':
    case 'slice':
    case 'layerNorm':
    case 'gelu':
    case 'tanh':
    case 'relu':
    case 'softmax':
      return shapes[node.output]!.length === 3
    case 'add':
      return shapes[node.left]!.length === 3 && shapes[node.right]!.length === 3
    default:
      return false
  }
}

/** A node with the values that it reads and makes under other names. */
function renamed(node: Node, names: ReadonlyMap<ValueId, ValueId>): Node {
  const name = (value: ValueId) => names.get(value) ?? value
  const output = name(node.output)
  if (node.op === 'add') return { ...node, left: name(node.left), right: name(node.right), output }
  return 'input' in node ? { ...node, input: name(node.input), output } : { ...node, output }
}
