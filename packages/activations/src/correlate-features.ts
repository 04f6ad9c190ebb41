import type { Engine, Program } from '@isthmus/engine'
import { type Tensor, UserError } from '@isthmus/tensor'
import { averageMoments, CrossMoments, crossProductGraph, type FeatureMoments } from './cross-moments.ts'
import type { FeatureRows } from './feature-rows.ts'
import { groupRows } from './group-rows.ts'

/** Features to correlate: those of one tap, or of several together. */
export interface FeatureSet {
  readonly name: string
  readonly taps: readonly string[]
  readonly width: number
  /** How several taps count as one: their rows pooled as one larger set (the default), or the covariances and variances
   *  of each tap averaged, each tap about its own means.
   */
  readonly combine?: 'pool' | 'meanCovariance'
}

/** Rows of one product: so many that making it takes far longer than adding it to the moments. */
const rowsPerProduct = 2048

/** Accumulate the moments of two models' features over the same tokens, for several feature sets at once.
 *
 *  The rows may come from captures or straight from the models. They are put into groups of one size, so that the moments depend on the
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
    const moments = sets.map((set) => new SetMoments(set, programs.get(set.width)!))
    let count = 0
    for await (const [left, right] of pairGroups(a, b)) {
      for (const set of moments) {
        for (const tap of set.taps) await set.add(tap, left.features.get(tap)!, right.features.get(tap)!)
      }
      count += left.sequence.length
      onRows?.(count)
    }
    return new Map(sets.map(({ name }, index) => [name, finite(moments[index]!.finish(), name)]))
  } finally {
    await Promise.all([...programs.values()].map((program) => program.dispose()))
  }
}

/** The moments of one feature set: one accumulator for pooled taps, one for each where covariances are averaged. */
class SetMoments {
  readonly taps: readonly string[]
  readonly #byTap: ReadonlyMap<string, CrossMoments>

  constructor({ taps, width, combine = 'pool' }: FeatureSet, program: Program) {
    this.taps = taps
    const pooled = new CrossMoments(program, width, width)
    const own = () => (combine === 'pool' ? pooled : new CrossMoments(program, width, width))
    this.#byTap = new Map(taps.map((tap) => [tap, own()]))
  }

  add(tap: string, a: Tensor, b: Tensor): Promise<void> {
    return this.#byTap.get(tap)!.add(a, b)
  }

  finish(): FeatureMoments {
    return averageMoments([...new Set(this.#byTap.values())].map((moments) => moments.finish()))
  }
}

/** Pair up two streams of rows in groups of `rowsPerProduct`. */
async function* pairGroups(
  a: AsyncIterable<FeatureRows>,
  b: AsyncIterable<FeatureRows>,
): AsyncGenerator<[FeatureRows, FeatureRows]> {
  const [left, right] = [a, b].map(
    (rows): AsyncGenerator<FeatureRows, undefined> => groupRows(rows, rowsPerProduct),
  ) as [AsyncGenerator<FeatureRows, undefined>, AsyncGenerator<FeatureRows, undefined>]
  let paired = 0
  try {
    while (true) {
      const [x, y] = [(await left.next()).value, (await right.next()).value]
      const shorter = Math.min(rowCount(x), rowCount(y))
      if (Math.max(rowCount(x), rowCount(y)) !== shorter) {
        throw new UserError(
          `the features of A and B are of different samples: one ends after ${paired + shorter} tokens; ` +
            'capture both on one sample',
        )
      }
      if (x === undefined || y === undefined) return
      assertSameTokens(x, y, paired)
      yield [x, y]
      paired += shorter
    }
  } finally {
    await Promise.all([left.return(undefined), right.return(undefined)])
  }
}

/** The rows of a group; none at the end. */
function rowCount(group: FeatureRows | undefined): number {
  return group?.sequence.length ?? 0
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
