import { pruneGraph, selectEarly } from '@isthmus/engine'
import { type Dimension, type Graph, graphBuilder } from '@isthmus/model'

/** A product `[rows, inner] [inner, columns]` that a forward pass computes so many times. */
export interface MatrixProduct {
  readonly rows: number
  readonly inner: number
  readonly columns: number
  readonly times: number
}

/** The matrix products of the linear layers that some outputs need, those of attention left out (they are counted against
 *  the rest).
 *
 *  @param rowsOf How many rows a value has, by its shape without the last axis.
 */
export function linearProducts(
  graph: Graph,
  outputs: readonly string[],
  rowsOf: (leading: readonly Dimension[]) => number,
): MatrixProduct[] {
  const products = new Map<string, MatrixProduct>()
  const { nodes, shapes } = selectEarly(pruneGraph(graph, outputs)).graph
  for (const node of nodes) {
    if (node.op !== 'linear') continue
    const inner = shapes[node.input]!.at(-1) as number
    const columns = shapes[node.output]!.at(-1) as number
    const rows = rowsOf(shapes[node.output]!.slice(0, -1))
    const key = `${rows} ${inner} ${columns}`
    products.set(key, { rows, inner, columns, times: (products.get(key)?.times ?? 0) + 1 })
  }
  return [...products.values()]
}

/** Multiplications and additions of all repetitions of a product. */
export function productFlops({ rows, inner, columns, times }: MatrixProduct): number {
  return 2 * rows * inner * columns * times
}

/** A graph of one product: ONNX Runtime's MatMul, its right side as it is used or as a checkpoint stores weights. */
export function productGraph({ inner, columns }: MatrixProduct, transposed: boolean): Graph {
  const graph = graphBuilder('product')
  const left = graph.input('left', 'float32', ['rows', inner])
  const right = graph.input('right', 'float32', transposed ? [columns, inner] : [inner, columns])
  graph.output('product', graph.matmul(left, right, { right: transposed }, 'product'))
  return graph.build()
}
