import { elementCount, type Tensor } from '@isthmus/tensor'
import { uniformFloat64 } from 'pure-rand/distribution/uniformFloat64'
import { mersenne } from 'pure-rand/generator/mersenne'
import type { Graph } from './graph.ts'

/** Draw every parameter of a graph, for tests and benchmarks: generic weights, in which nothing coincides by accident.
 *
 *  Elements are independent and uniform in [−1, 1).
 *  @param seed A 32-bit integer; the result depends on nothing else.
 *  @returns By name, in the graph's shapes.
 */
export function randomParameters(graph: Graph, seed: number): Map<string, Tensor<Float64Array>> {
  const generator = mersenne(seed)
  return new Map(
    graph.parameters.map(({ name, shape }) => {
      const data = Float64Array.from({ length: elementCount(shape) }, () => 2 * uniformFloat64(generator) - 1)
      return [name, { shape, data }]
    }),
  )
}
