import type { Dimension } from '@isthmus/model'

/** The size of each named dimension in a run, as its feeds give it. */
export type DimensionSizes = ReadonlyMap<string, number>

/** Replace named dimensions by their sizes in a run. */
export function resolveShape(shape: readonly Dimension[], sizes: DimensionSizes): number[] {
  return shape.map((dimension) => (typeof dimension === 'number' ? dimension : sizes.get(dimension)!))
}
