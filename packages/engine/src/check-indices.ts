import type { Graph, ValueId } from '@isthmus/model'
import { UserError } from '@isthmus/tensor'

import type { Feeds } from './engine.ts'
import { type DimensionSizes, resolveShape } from './resolve-shape.ts'

/** Check what is fed as an index: token ids, positions and labels. Engines differ in what an index outside does.
 *
 *  @param sizes Those of the feeds, whose shapes are checked already.
 *  @throws {UserError} naming the input, its value and the limit.
 */
export function checkIndices(graph: Graph, feeds: Feeds, sizes: DimensionSizes): void {
  const shapeOf = (value: ValueId) => resolveShape(graph.shapes[value]!, sizes)
  const parameterRows = (table: string) => graph.parameters.find(({ name }) => name === table)!.shape.at(-2)!
  const check = (input: ValueId, limit: number, what: string) => {
    const outside = feeds[input]?.data.find((index) => index < 0 || index >= limit)
    if (outside === undefined) return
    throw new UserError(
      `input '${input}' of ${graph.architecture} holds ${outside}, but ${what}: the indices are 0 to ${limit - 1}`,
    )
  }
  for (const node of graph.nodes) {
    if (node.op === 'gather') {
      const rows = parameterRows(node.table)
      check(node.indices, rows, `'${node.table}' has ${rows} rows`)
    } else if (node.op === 'positions') {
      checkLength(graph, node.like, shapeOf(node.like)[1]!, node.table, parameterRows(node.table) - node.offset)
    } else if (node.op === 'select') {
      const [batch, sequence] = shapeOf(node.input) as [number, number]
      check(node.indices, batch * sequence, `a batch of ${batch} × ${sequence} has ${batch * sequence} positions`)
    } else if (node.op === 'crossEntropy') {
      const classes = shapeOf(node.logits)[1]!
      check(node.labels, classes, `there are ${classes} classes`)
    }
  }
}

function checkLength(graph: Graph, input: ValueId, length: number, table: string, rows: number): void {
  if (length <= rows) return
  throw new UserError(
    `input '${input}' of ${graph.architecture} has sequences of ${length} tokens, but '${table}' has ${rows} ` +
      `positions: cut the text into at most ${rows} tokens`,
  )
}
