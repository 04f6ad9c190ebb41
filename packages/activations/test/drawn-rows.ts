import type { FeatureRows } from '../src/index.ts'

/** Numbers in [−0.5, 0.5), the same for a seed. */
export function drawUniform(seed: number): () => number {
  let state = seed >>> 0
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0
    return state / 2 ** 32 - 0.5
  }
}

/** Rows of features drawn from a seed: tap names with their widths. */
export function drawRows(count: number, widths: Readonly<Record<string, number>>, seed: number): FeatureRows {
  const draw = drawUniform(seed)
  return {
    sequence: Int32Array.from({ length: count }, (_, row) => Math.floor(row / 7)),
    position: Int32Array.from({ length: count }, (_, row) => row % 7),
    features: new Map(
      Object.entries(widths).map(([name, width]) => [
        name,
        { shape: [count, width], data: Float32Array.from({ length: count * width }, draw) },
      ]),
    ),
  }
}

/** Rows in batches of the given sizes, in turn, copied out. */
export async function* inBatches(rows: FeatureRows, sizes: readonly number[]): AsyncGenerator<FeatureRows> {
  const total = rows.sequence.length
  for (let from = 0, turn = 0; from < total; turn++) {
    const to = Math.min(total, from + sizes[turn % sizes.length]!)
    yield {
      sequence: rows.sequence.slice(from, to),
      position: rows.position.slice(from, to),
      features: new Map(
        [...rows.features].map(([name, { shape, data }]) => {
          const width = shape[1]!
          return [name, { shape: [to - from, width], data: data.slice(from * width, to * width) }]
        }),
      ),
    }
    from = to
  }
}

/** All batches of a stream. */
export async function collect<Item>(stream: AsyncIterable<Item>): Promise<Item[]> {
  const items: Item[] = []
  for await (const item of stream) items.push(item)
  return items
}

/** All batches of a stream whose buffers are used again, copied. */
export async function collectCopies(stream: AsyncIterable<FeatureRows>): Promise<FeatureRows[]> {
  const copies: FeatureRows[] = []
  for await (const { sequence, position, features } of stream) {
    copies.push({
      sequence: sequence.slice(),
      position: position.slice(),
      features: new Map([...features].map(([name, { shape, data }]) => [name, { shape, data: data.slice() }])),
    })
  }
  return copies
}

/** All rows of a stream as one batch. */
export async function collectRows(stream: AsyncIterable<FeatureRows>): Promise<FeatureRows> {
  const batches = await collectCopies(stream)
  const join = (of: (batch: FeatureRows) => Iterable<number>) => batches.flatMap((batch) => [...of(batch)])
  const count = batches.reduce((total, { sequence }) => total + sequence.length, 0)
  return {
    sequence: Int32Array.from(join(({ sequence }) => sequence)),
    position: Int32Array.from(join(({ position }) => position)),
    features: new Map(
      [...batches[0]!.features].map(([name, { shape }]) => [
        name,
        { shape: [count, shape[1]!], data: Float32Array.from(join(({ features }) => features.get(name)!.data)) },
      ]),
    ),
  }
}
