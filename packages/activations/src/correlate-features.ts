import type { Engine, Program } from '@isthmus/engine'
import { UserError } from '@isthmus/tensor'
import { CrossMoments, crossProductGraph, type FeatureMoments } from './cross-moments.ts'
import type { FeatureRows } from './feature-rows.ts'
import { regroupRows } from './regroup-rows.ts'

/** Features to correlate: those of one tap, or of several whose rows are pooled as one larger set. */
export interface FeatureSet {
  readonly name: string
  readonly taps: readonly string[]
  readonly width: number
}

/** Rows of one product: so many that making it takes far longer than adding it to the moments. */
const rowsPerProduct = 2048

/** Accumulate the moments of two models' features over the same tokens, for several feature sets at once.
 *
 *  The rows may come from captures or straight from the models. They are regrouped, so that the moments depend on the
 *  features alone, to the bit, and not on the batches in which they come: f32 captures and the models give the same.
 *  @param a A's features; @param b B's, of the same tokens in the same order, in batches of any sizes.
 *  @param onRows Called with the number of rows so far.
 *  @throws {UserError} when the two are not of the same tokens, naming the first row that differs; when features are
 *  NaN or infinite, naming the set; when there are no rows.
 */
export async function correlateFeatures(
  engine: Engine,
  a: AsyncIterable<FeatureRows>,
  b: AsyncIterable<FeatureRows>,
  sets: readonly FeatureSet[],
  onRows?: (count: number) => void,
): Promise<ReadonlyMap<string, FeatureMoments>> {
  const programs = new Map<number, Program>()
  try {
    for (const { width } of sets) {
      if (programs.has(width)) continue
      programs.set(width, await engine.compile(crossProductGraph(width, width), { outputs: ['product'] }))
    }
    const moments = sets.map(({ width }) => new CrossMoments(programs.get(width)!, width, width))
    let count = 0
    for await (const [left, right] of pairRows(a, b)) {
      for (const [index, { taps }] of sets.entries()) {
        for (const tap of taps) await moments[index]!.add(left.features.get(tap)!, right.features.get(tap)!)
      }
      count += left.sequence.length
      onRows?.(count)
    }
    return new Map(sets.map(({ name }, index) => [name, finite(moments[index]!.result(), name)]))
  } finally {
    await Promise.all([...programs.values()].map((program) => program.dispose()))
  }
}

/** Pair up two streams of rows in groups of `rowsPerProduct`. */
async function* pairRows(
  a: AsyncIterable<FeatureRows>,
  b: AsyncIterable<FeatureRows>,
): AsyncGenerator<[FeatureRows, FeatureRows]> {
  const [left, right] = [regroupRows(a, rowsPerProduct), regroupRows(b, rowsPerProduct)]
  let paired = 0
  try {
    while (true) {
      const [x, y] = [await left.next(), await right.next()]
      if (x.done === true && y.done === true) return
      const [rowsA, rowsB] = [x, y].map((next) => (next.done === true ? 0 : next.value.sequence.length)) as [
        number,
        number,
      ]
      if (x.done === true || y.done === true || rowsA !== rowsB) {
        throw new UserError(
          `the features of A and B are of different samples: one ends after ${paired + Math.min(rowsA, rowsB)} tokens; ` +
            'capture both on one sample',
        )
      }
      assertSameTokens(x.value, y.value, paired)
      yield [x.value, y.value]
      paired += rowsA
    }
  } finally {
    await Promise.all([left.return(undefined), right.return(undefined)])
  }
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

/** A sum over all rows is finite only where every feature is. */
function finite(moments: FeatureMoments, name: string): FeatureMoments {
  for (const [model, means] of [
    ['A', moments.meanA],
    ['B', moments.meanB],
  ] as const) {
    const feature = means.findIndex((mean) => !Number.isFinite(mean))
    if (feature !== -1) {
      throw new UserError(
        `feature ${feature} of '${name}' in model ${model} is NaN or infinite at some token: check its weights, ` +
          'and capture in float32 where a feature exceeds 65504',
      )
    }
  }
  return moments
}
