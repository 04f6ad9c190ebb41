import type { Dimension, Graph } from '@isthmus/model'
import { ShapeError } from '@isthmus/tensor'
import type { Feeds, Weights } from './engine.ts'

/** The size of each named dimension in a run, as its feeds give it. */
export type DimensionSizes = ReadonlyMap<string, number>

/** Check what is fed to a run against the graph: presence, type, rank and size of every input and parameter.
 *
 *  @returns The sizes of the graph's named dimensions.
 *  @throws {ShapeError} naming the first input or parameter that does not fit, with the expected and the actual shape.
 */
export function checkFeeds(graph: Graph, weights: Weights, feeds: Feeds): DimensionSizes {
  const sizes = new Map<string, number>()
  for (const input of graph.inputs) {
    const fed = feeds[input.name]
    if (fed === undefined)
      throw new ShapeError(`input '${input.name}' is missing from the feeds of ${graph.architecture}`)
    const matches =
      fed.shape.length === input.shape.length &&
      fed.shape.every((size, axis) => {
        const dimension = input.shape[axis]!
        if (typeof dimension === 'number') return dimension === size
        if (!sizes.has(dimension)) sizes.set(dimension, size)
        return sizes.get(dimension) === size
      })
    const typed = input.dtype === 'int32' ? fed.data instanceof Int32Array : fed.data instanceof Float32Array
    if (!matches || !typed) {
      throw new ShapeError(
        `input '${input.name}' of ${graph.architecture} must be ${input.dtype} [${input.shape.join(', ')}]` +
          `${describeSizes(sizes)}, found ${fed.data.constructor.name} [${fed.shape.join(', ')}]`,
      )
    }
  }
  for (const { name, shape } of graph.parameters) {
    const weight = weights.get(name)
    if (weight === undefined) throw new ShapeError(`parameter '${name}' of ${graph.architecture} is missing`)
    if (weight.shape.length !== shape.length || shape.some((size, axis) => size !== weight.shape[axis])) {
      throw new ShapeError(
        `parameter '${name}' of ${graph.architecture} must be [${shape.join(', ')}], found [${weight.shape.join(', ')}]`,
      )
    }
  }
  return sizes
}

/** Replace named dimensions by their sizes in a run. */
export function resolveShape(shape: readonly Dimension[], sizes: DimensionSizes): number[] {
  return shape.map((dimension) => (typeof dimension === 'number' ? dimension : sizes.get(dimension)!))
}

function describeSizes(sizes: DimensionSizes): string {
  return sizes.size === 0 ? '' : ` with ${[...sizes].map(([name, size]) => `${name} ${size}`).join(', ')}`
}
