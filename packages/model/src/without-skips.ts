import type { Graph, Node, ValueId } from './graph.ts'

/** The graph with its skip connections taken out: each addition of the residual stream to a layer's output is replaced by
 *  that output.
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
  for (const original of graph.nodes) {
    const node = renameValues(original, replaced)
    if (node.op === 'add' && (stream.has(node.left) || stream.has(node.right))) {
      replaced.set(node.output, stream.has(node.left) ? node.right : node.left)
    } else {
      nodes.push(node)
    }
  }
  return { ...graph, nodes }
}

function renameValues(node: Node, replaced: ReadonlyMap<ValueId, ValueId>): Node {
  const renamed = Object.entries(node).map(([field, value]) => [
    field,
    typeof value === 'string' && field !== 'output' ? (replaced.get(value) ?? value) : value,
  ])
  return Object.fromEntries(renamed) as Node
}
