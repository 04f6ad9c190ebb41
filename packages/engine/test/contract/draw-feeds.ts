import { type Graph, randomParameters } from '@isthmus/model'
import type { Tensor } from '@isthmus/tensor'
import type { Feeds, Weights } from '../../src/engine.ts'
import { type DimensionSizes, resolveShape } from '../../src/resolve-shape.ts'

/** Draw weights for a graph: f32, uniform in [−1, 1). */
export function drawWeights(graph: Graph, seed: number): Weights {
  return new Map(
    [...randomParameters(graph, seed)].map(([name, { shape, data }]) => [
      name,
      { shape, data: Float32Array.from(data) },
    ]),
  )
}

/** Draw what a graph is fed.
 *
 *  Floats are uniform in [−3, 3), int32 inputs uniform in {0 … limit−1}; a mask lets at least the first token be seen.
 *  @param limits For each int32 input, the number of things that it indexes; 2 for a mask.
 */
export function drawFeeds(
  graph: Graph,
  sizes: DimensionSizes,
  limits: Readonly<Record<string, number>>,
  seed: number,
): Feeds {
  const shapes = graph.inputs.map(({ name, shape }) => ({ name, shape: resolveShape(shape, sizes) }))
  const drawn = randomParameters({ ...graph, parameters: shapes }, seed)
  const feeds: Record<string, Tensor<Float32Array> | Tensor<Int32Array>> = {}
  for (const { name, dtype } of graph.inputs) {
    const { shape, data } = drawn.get(name)!
    if (dtype === 'float32') feeds[name] = { shape, data: Float32Array.from(data, (x) => 3 * x) }
    else feeds[name] = { shape, data: Int32Array.from(data, (x) => Math.floor(((x + 1) / 2) * limits[name]!)) }
    if (name === 'attentionMask') for (let i = 0; i < data.length; i += shape[1]!) feeds[name]!.data[i] = 1
  }
  return feeds
}
