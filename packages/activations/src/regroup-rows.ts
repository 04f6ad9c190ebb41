import type { Tensor } from '@isthmus/tensor'
import type { FeatureRows } from './feature-rows.ts'

/** Cut a stream of rows into groups of `size`, whatever the batches that come in; the last group may be smaller.
 *
 *  A group that lies within one incoming batch is a view of it.
 */
export async function* regroupRows(rows: AsyncIterable<FeatureRows>, size: number): AsyncGenerator<FeatureRows> {
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
      yield join(pieces)
      pieces = []
      held = 0
    }
  }
  if (held > 0) yield join(pieces)
}

function slice(rows: FeatureRows, from: number, to: number): FeatureRows {
  return {
    sequence: rows.sequence.subarray(from, to),
    position: rows.position.subarray(from, to),
    features: new Map([...rows.features].map(([name, features]) => [name, sliceTensor(features, from, to)])),
  }
}

function sliceTensor({ shape, data }: Tensor, from: number, to: number): Tensor {
  const width = shape[1]!
  return { shape: [to - from, width], data: data.subarray(from * width, to * width) }
}

function join(pieces: readonly FeatureRows[]): FeatureRows {
  const [first] = pieces as readonly [FeatureRows]
  if (pieces.length === 1) return first
  const sequence = joinArrays(
    Int32Array,
    pieces.map((piece) => piece.sequence),
  )
  return {
    sequence,
    position: joinArrays(
      Int32Array,
      pieces.map((piece) => piece.position),
    ),
    features: new Map(
      [...first.features].map(([name, { shape }]) => {
        const data = joinArrays(
          Float32Array,
          pieces.map((piece) => piece.features.get(name)!.data),
        )
        return [name, { shape: [sequence.length, shape[1]!], data }]
      }),
    ),
  }
}

function joinArrays<Values extends Int32Array | Float32Array>(
  Values: new (length: number) => Values,
  arrays: readonly Values[],
): Values {
  const joined = new Values(arrays.reduce((length, array) => length + array.length, 0))
  let offset = 0
  for (const array of arrays) {
    joined.set(array, offset)
    offset += array.length
  }
  return joined
}
