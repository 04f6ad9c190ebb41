import { DisjointSets } from './disjoint-sets.ts'
import { type Axis, type AxisTies, fixedAxis } from './tie-axes.ts'

/** A run of features along an axis that are permuted among themselves. */
export interface Segment {
  readonly offset: number
  readonly size: number
  /** Names the segments that take one permutation; {@link fixedAxis} for those that take none. */
  readonly root: Axis
}

/** Find into which segments the ties of a graph cut an axis.
 *
 *  An axis that is sliced is a concatenation: it is cut where its slices start and end, and so is everything tied to it
 *  and everything sliced out of it. The pieces that slices name twice are then tied.
 *  @returns The segments of an axis of a size, in order, which cover it.
 */
export function segmentAxes({ sets, slices }: AxisTies): (axis: Axis, size: number) => Segment[] {
  const cuts = findCuts(sets, slices)
  const pieces = new DisjointSets()
  const pieceAt = (axis: Axis, offset: number): Axis => {
    const root = sets.find(axis)
    return root === sets.find(fixedAxis) ? fixedAxis : `${root}:${offset}`
  }
  const piecesOf = (axis: Axis, size: number) => {
    const starts = [...new Set([0, ...(cuts.get(sets.find(axis)) ?? [])])].filter((cut) => cut < size)
    const ordered = starts.sort((a, b) => a - b)
    return ordered.map((offset, i) => ({ offset, size: (ordered[i + 1] ?? size) - offset }))
  }
  for (const { whole, part, start, size } of slices) {
    for (const { offset } of piecesOf(part, size)) pieces.union(pieceAt(whole, start + offset), pieceAt(part, offset))
  }
  const fixed = pieces.find(fixedAxis)
  return (axis, size) =>
    piecesOf(axis, size).map((piece) => {
      const root = pieces.find(pieceAt(axis, piece.offset))
      return { ...piece, root: root === fixed ? fixedAxis : root }
    })
}

/** Where axes are cut, by the roots of their sets: handed from the whole to its slices and back until nothing is new. */
function findCuts(sets: DisjointSets, slices: AxisTies['slices']): ReadonlyMap<Axis, ReadonlySet<number>> {
  const cuts = new Map<Axis, Set<number>>()
  let found = true
  const cutsOf = (axis: Axis) => [...(cuts.get(sets.find(axis)) ?? [])]
  const cut = (axis: Axis, at: number) => {
    const root = sets.find(axis)
    if (at === 0 || cuts.get(root)?.has(at)) return
    cuts.set(root, new Set([...cutsOf(root), at]))
    found = true
  }
  while (found) {
    found = false
    for (const { whole, part, start, size } of slices) {
      cut(whole, start)
      cut(whole, start + size)
      for (const at of cutsOf(part)) cut(whole, start + at)
      for (const at of cutsOf(whole)) if (at > start && at < start + size) cut(part, at - start)
    }
  }
  return cuts
}
