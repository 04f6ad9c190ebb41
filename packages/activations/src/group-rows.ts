import type { FeatureRows } from './feature-rows.ts'

/** Cut a stream of rows into groups of `size`, whatever the batches that come in; the last group may be smaller.
 *
 *  @returns Groups whose buffers are valid until the next is asked for.
 */
export async function* groupRows(rows: AsyncIterable<FeatureRows>, size: number): AsyncGenerator<FeatureRows> {
  let group: FeatureRows | null = null
  let held = 0
  for await (const incoming of rows) {
    group ??= allocate(size, incoming)
    const available = incoming.sequence.length
    for (let from = 0; from < available; ) {
      const to = Math.min(available, from + size - held)
      copyRows(incoming, from, to, group, held)
      held += to - from
      from = to
      if (held < size) continue
      yield group
      held = 0
    }
  }
  if (group !== null && held > 0) yield firstRows(group, held)
}

function allocate(size: number, { features }: FeatureRows): FeatureRows {
  return {
    sequence: new Int32Array(size),
    position: new Int32Array(size),
    features: new Map(
      [...features].map(([name, { shape }]) => {
        const width = shape[1]!
        return [name, { shape: [size, width], data: new Float32Array(size * width) }]
      }),
    ),
  }
}

function copyRows(source: FeatureRows, from: number, to: number, target: FeatureRows, at: number): void {
  target.sequence.set(source.sequence.subarray(from, to), at)
  target.position.set(source.position.subarray(from, to), at)
  for (const [name, { shape, data }] of source.features) {
    const width = shape[1]!
    target.features.get(name)!.data.set(data.subarray(from * width, to * width), at * width)
  }
}

function firstRows({ sequence, position, features }: FeatureRows, count: number): FeatureRows {
  return {
    sequence: sequence.subarray(0, count),
    position: position.subarray(0, count),
    features: new Map(
      [...features].map(([name, { shape, data }]) => {
        const width = shape[1]!
        return [name, { shape: [count, width], data: data.subarray(0, count * width) }]
      }),
    ),
  }
}
