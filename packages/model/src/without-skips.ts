import type { Graph, Node, ValueId } from './graph.ts'

/** The graph with its skip connections taken out: each addition of the residual stream to a layer's output is replaced by
 *  that output, and what was read there is read at that output.
 *
 *  It computes another function. What it is for is `symmetries(withoutSkips(graph))`: the freedom that there would be if
 *  the skips did not tie all residual taps together, which the paper's `separate` takes, and by which it changes the
 *  function of the graph as it is.
 *  @see Verma & Elbayad (2024), §3.3 and Table 2, “Separate”.
 */
export function withoutSkips(graph: Graph): Graph {
  const stream = new Set(graph.taps.filter(({ site }) => site === 'residual').map(({ value }) => value))
  const replaced = new Map<ValueId, ValueId>()
  const nodes: Node[] = []
  const current = (value: ValueId) => replaced.get(value) ?? value
  for (const node of graph.nodes) {
    if (node.op === 'add' && (stream.has(node.left) || stream.has(node.right))) {
      replaced.set(node.output, current(stream.has(node.left) ? node.right : node.left))
    } else {
      nodes.push(renameValues(node, current))
    }
  }
  return {
    ...graph,
    nodes,
    shapes: Object.fromEntries(Object.entries(graph.shapes).filter(([value]) => !replaced.has(value))),
    taps: graph.taps.map((tap) => ({ ...tap, value: current(tap.value) })),
    outputs: Object.fromEntries(Object.entries(graph.outputs).map(([name, value]) => [name, current(value)])),
  }
}

function renameValues(node: Node, current: (value: ValueId) => ValueId): Node {
  const renamed = Object.entries(node).map(([field, value]) => [
    field,
    typeof value === 'string' && field !== 'output' ? current(value) : value,
  ])
  return Object.fromEntries(renamed) as Node
}
