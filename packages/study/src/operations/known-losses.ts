import type { Digest } from '@isthmus/dataflow'
import type { EngineParam } from './artifacts.ts'

/** Whose losses, on what. */
export interface LossesKey {
  readonly model: Digest
  readonly blocks: Digest
  readonly seed: number
  readonly engine: EngineParam
}

interface KnownLosses {
  sums: Float64Array
  /** Settled when all that was asked for is known. */
  pending: Promise<unknown>
}

/** What a worker process keeps between nodes: the losses of whole models, block by block, for a model is an end of many
 *  curves. Results do not depend on it.
 */
const known = new Map<string, KnownLosses>()
const modelsKept = 64

/** The losses of a model on the blocks `from` … `to − 1`, of which those are computed that this process does not know yet.
 *
 *  @param compute The losses of blocks `from` … `to − 1`, called for each block once.
 */
export async function knownLosses(
  key: LossesKey,
  from: number,
  to: number,
  compute: (from: number, to: number) => Promise<Float64Array>,
): Promise<Float64Array> {
  const text = JSON.stringify(key)
  const losses = known.get(text) ?? { sums: new Float64Array(0), pending: Promise.resolve() }
  known.delete(text)
  known.set(text, losses)
  const [oldest] = known.keys()
  if (known.size > modelsKept && oldest !== undefined) known.delete(oldest)
  const extend = async () => {
    if (losses.sums.length >= to) return
    const more = await compute(losses.sums.length, to)
    losses.sums = Float64Array.from([...losses.sums, ...more])
  }
  const extended = losses.pending.then(extend)
  losses.pending = extended.catch(() => {})
  await extended
  return losses.sums.subarray(from, to)
}
