import type { Dimension, Graph } from '@isthmus/model'
import { elementCount, ShapeError, type Tensor } from '@isthmus/tensor'
import { checkIndices } from './check-indices.ts'
import type { Feeds, Weights } from './engine.ts'
import type { DimensionSizes } from './resolve-shape.ts'

/** Check what is fed to a run against the graph: presence, type, rank and size of every input and parameter, and that
 *  what is fed as an index is one.
 *
 *  @returns The sizes of the graph's named dimensions.
 *  @throws {ShapeError} naming the first input or parameter that does not fit, with the expected and the actual shape.
 *  @throws {UserError} naming the input that holds an index outside of what it indexes, with the value and the limit.
 */
export function checkFeeds(graph: Graph, weights: Weights, feeds: Feeds): DimensionSizes {
  const sizes = new Map<string, number>()
  for (const { name, dtype, shape } of graph.inputs) {
    const fed = feeds[name]
    if (fed === undefined) throw new ShapeError(`input '${name}' is missing from the feeds of ${graph.architecture}`)
    const typed = dtype === 'int32' ? fed.data instanceof Int32Array : fed.data instanceof Float32Array
    const matches = bindSizes(shape, fed.shape, sizes)
    if (!matches || !typed) {
      throw new ShapeError(
        `input '${name}' of ${graph.architecture} must be ${dtype} [${shape.join(', ')}]${describeSizes(sizes)}, ` +
          `found ${fed.data.constructor.name} [${fed.shape.join(', ')}]`,
      )
    }
    checkLength(`input '${name}' of ${graph.architecture}`, fed)
  }
  for (const { name, shape } of graph.parameters) {
    const weight = weights.get(name)
    if (weight === undefined) throw new ShapeError(`parameter '${name}' of ${graph.architecture} is missing`)
    if (weight.shape.length !== shape.length || shape.some((size, axis) => size !== weight.shape[axis])) {
      throw new ShapeError(
        `parameter '${name}' of ${graph.architecture} must be [${shape.join(', ')}], found [${weight.shape.join(', ')}]`,
      )
    }
    checkLength(`parameter '${name}' of ${graph.architecture}`, weight)
  }
  checkIndices(graph, feeds, sizes)
  return sizes
}

/** Whether a shape fits, where the dimensions that are named for the first time take its sizes. */
function bindSizes(expected: readonly Dimension[], found: readonly number[], sizes: Map<string, number>): boolean {
  if (found.length !== expected.length) return false
  return found.every((size, axis) => {
    const dimension = expected[axis]!
    if (typeof dimension === 'number') return dimension === size
    if (!sizes.has(dimension)) sizes.set(dimension, size)
    return sizes.get(dimension) === size
  })
}

function checkLength(subject: string, { shape, data }: Tensor | Tensor<Int32Array>): void {
  if (data.length === elementCount(shape)) return
  throw new ShapeError(
    `${subject} of shape [${shape.join(', ')}] has ${elementCount(shape)} elements, but its data has ${data.length}`,
  )
}

function describeSizes(sizes: DimensionSizes): string {
  return sizes.size === 0 ? '' : ` with ${[...sizes].map(([name, size]) => `${name} ${size}`).join(', ')}`
}
