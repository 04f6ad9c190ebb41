import type { Engine } from '@isthmus/engine'
import { type Tensor, UserError } from '@isthmus/tensor'
import { CrossMoments, crossProductGraph, type FeatureMoments } from './cross-moments.ts'
import type { FeatureRows } from './feature-rows.ts'

/** Features to correlate: those of one tap, or of several whose rows are pooled as one larger set. */
export interface FeatureSet {
  readonly name: string
  readonly taps: readonly string[]
  readonly width: number
}

/** Accumulate the moments of two models' features over the same tokens, for several feature sets at once.
 *
 *  The rows may come from captures or straight from the models; both give the same moments to rounding.
 *  @param a A's features; @param b B's, of the same tokens in the same order, in batches of any sizes.
 *  @param onRows Called with the number of rows so far.
 *  @throws {UserError} when the two are not of the same tokens, naming the first row that differs.
 */
export async function correlateFeatures(
  engine: Engine,
  a: AsyncIterable<FeatureRows>,
  b: AsyncIterable<FeatureRows>,
  sets: readonly FeatureSet[],
  onRows?: (count: number) => void,
): Promise<ReadonlyMap<string, FeatureMoments>> {
  const widths = [...new Set(sets.map(({ width }) => width))]
  const programs = new Map(
    await Promise.all(
      widths.map(async (width) => {
        const program = await engine.compile(crossProductGraph(width, width), { outputs: ['product'] })
        return [width, program] as const
      }),
    ),
  )
  try {
    const moments = sets.map(({ width }) => new CrossMoments(programs.get(width)!, width, width))
    let count = 0
    for await (const [left, right] of zipRows(a, b)) {
      for (const [index, { taps }] of sets.entries()) {
        for (const tap of taps) await moments[index]!.add(left.features.get(tap)!, right.features.get(tap)!)
      }
      count += left.sequence.length
      onRows?.(count)
    }
    if (count === 0) throw new UserError('the features of no token were given: correlations need at least one')
    return new Map(sets.map(({ name }, index) => [name, moments[index]!.result()]))
  } finally {
    await Promise.all([...programs.values()].map((program) => program.dispose()))
  }
}

/** Pair up two streams of rows, cutting batches where their ends differ. */
async function* zipRows(
  a: AsyncIterable<FeatureRows>,
  b: AsyncIterable<FeatureRows>,
): AsyncGenerator<[FeatureRows, FeatureRows]> {
  const [left, right] = [a[Symbol.asyncIterator](), b[Symbol.asyncIterator]()]
  let [x, y] = [await next(left), await next(right)]
  let paired = 0
  try {
    while (x !== null && y !== null) {
      const count = Math.min(x.sequence.length, y.sequence.length)
      const pair: [FeatureRows, FeatureRows] = [slice(x, 0, count), slice(y, 0, count)]
      assertSameTokens(...pair, paired)
      yield pair
      paired += count
      x = x.sequence.length === count ? await next(left) : slice(x, count)
      y = y.sequence.length === count ? await next(right) : slice(y, count)
    }
    if (x !== null || y !== null) {
      throw new UserError(`the features of A and B are of different samples: one ends after ${paired} tokens`)
    }
  } finally {
    await left.return?.()
    await right.return?.()
  }
}

async function next(iterator: AsyncIterator<FeatureRows>): Promise<FeatureRows | null> {
  const { done, value } = await iterator.next()
  return done === true ? null : value
}

function slice(rows: FeatureRows, from: number, to: number = rows.sequence.length): FeatureRows {
  if (from === 0 && to === rows.sequence.length) return rows
  return {
    sequence: rows.sequence.subarray(from, to),
    position: rows.position.subarray(from, to),
    features: new Map([...rows.features].map(([name, tensor]) => [name, sliceRows(tensor, from, to)])),
  }
}

function sliceRows({ shape, data }: Tensor, from: number, to: number): Tensor {
  const width = shape[1]!
  return { shape: [to - from, width], data: data.subarray(from * width, to * width) }
}

function assertSameTokens(a: FeatureRows, b: FeatureRows, offset: number): void {
  for (let i = 0; i < a.sequence.length; i++) {
    if (a.sequence[i] === b.sequence[i] && a.position[i] === b.position[i]) continue
    throw new UserError(
      `the features of A and B are of different tokens: row ${offset + i} is sequence ${a.sequence[i]} position ` +
        `${a.position[i]} in A, sequence ${b.sequence[i]} position ${b.position[i]} in B; capture both on one sample`,
    )
  }
}
