import type { Tensor } from '@isthmus/tensor'
import type { FeatureRows } from './feature-rows.ts'

/** Some rows in their order, in pieces: views of the batches that they came in. */
export type RowGroup = readonly FeatureRows[]

/** Cut a stream of rows into groups of `size`, whatever the batches that come in; the last group may be smaller. */
export async function* groupRows(rows: AsyncIterable<FeatureRows>, size: number): AsyncGenerator<RowGroup> {
  let pieces: FeatureRows[] = []
  let held = 0
  for await (const incoming of rows) {
    const available = incoming.sequence.length
    for (let from = 0; from < available; ) {
      const to = Math.min(available, from + size - held)
      pieces.push(slice(incoming, from, to))
      held += to - from
      from = to
      if (held < size) continue
      yield pieces
      pieces = []
      held = 0
    }
  }
  if (held > 0) yield pieces
}

/** The sequence and the position of each row of a group. */
export function groupTokens(group: RowGroup): Pick<FeatureRows, 'sequence' | 'position'> {
  return {
    sequence: joinArrays(group.map(({ sequence }) => sequence)),
    position: joinArrays(group.map(({ position }) => position)),
  }
}

/** A group's features at one tap, `[rows, width]`: of one piece a view, else a copy. */
export function groupFeatures(group: RowGroup, tap: string): Tensor {
  const pieces = group.map(({ features }) => features.get(tap)!)
  const width = pieces[0]!.shape[1]!
  const data = joinArrays(pieces.map((piece) => piece.data))
  return { shape: [data.length / width, width], data }
}

function slice(rows: FeatureRows, from: number, to: number): FeatureRows {
  const sliceTensor = ({ shape, data }: Tensor): Tensor => {
    const width = shape[1]!
    return { shape: [to - from, width], data: data.subarray(from * width, to * width) }
  }
  return {
    sequence: rows.sequence.subarray(from, to),
    position: rows.position.subarray(from, to),
    features: new Map([...rows.features].map(([name, features]) => [name, sliceTensor(features)])),
  }
}

function joinArrays<Values extends Int32Array | Float32Array>(arrays: readonly Values[]): Values {
  const [first] = arrays as readonly [Values]
  if (arrays.length === 1) return first
  const length = arrays.reduce((total, array) => total + array.length, 0)
  const joined = new (first.constructor as new (length: number) => Values)(length)
  let offset = 0
  for (const array of arrays) {
    joined.set(array, offset)
    offset += array.length
  }
  return joined
}
