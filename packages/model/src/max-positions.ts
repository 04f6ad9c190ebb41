import type { Graph } from './graph.ts'

/** The longest sequence that a graph takes: the rows of its position table from its offset on. Infinite without a table. */
export function maxPositions(graph: Graph): number {
  const node = graph.nodes.find(({ op }) => op === 'positions')
  if (node?.op !== 'positions') return Number.POSITIVE_INFINITY
  const { shape } = graph.parameters.find(({ name }) => name === node.table)!
  return shape.at(-2)! - node.offset
}
