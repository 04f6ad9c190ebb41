import { type Graph, graphBuilder } from '@isthmus/model'
import type { Tensor } from '@isthmus/tensor'

/** Which factor of a product is transposed: `left` sums over the rows of both, `right` over their columns. */
export type TransposedFactor = 'left' | 'right'

/** Multiplies matrices: `leftᵀ right` of `[rows, m]` and `[rows, n]`, or `left rightᵀ` of `[m, columns]` and
 *  `[n, columns]`.
 *
 *  @returns `[m, n]`, row-major; neither factor is modified.
 */
export type MatrixProduct = (left: Tensor, right: Tensor, transposed: TransposedFactor) => Promise<ArrayLike<number>>

/** The graph of a `MatrixProduct`, of inputs `left` and `right` and the output `product`, for matrices of any sizes. */
export function matrixProductGraph(transposed: TransposedFactor): Graph {
  const graph = graphBuilder(`matrix-product-${transposed}`)
  const shapeOf = (free: string) => (transposed === 'left' ? ['summed', free] : [free, 'summed'])
  const left = graph.input('left', 'float32', shapeOf('m'))
  const right = graph.input('right', 'float32', shapeOf('n'))
  graph.output('product', graph.matmul(left, right, { [transposed]: true }, 'product'))
  return graph.build()
}
