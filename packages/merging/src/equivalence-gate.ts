import { type Feeds, type Program, selectFeeds } from '@isthmus/engine'
import { type ParameterReader, readWeights } from './parameter-reader.ts'

/** How far an aligned model is from computing the same function. */
export interface EquivalenceGate {
  /** max |logits(B') − logits(B)| over the probe batch. */
  readonly maxAbsLogitDifference: number
  /** What f32 rounding may cause: 1e-5 of the largest logit, and at least 1e-4. */
  readonly tolerance: number
  readonly passed: boolean
}

/** Measure whether an alignment keeps the function, on a fixed probe batch.
 *
 *      max |logits(B') − logits(B)| ≤ max(1e-4, 1e-5 · max |logits(B)|)
 *
 *  A permutation only changes the order of f32 sums; an error of a few units in the last place of the largest logit,
 *  times the depth of the network, stays well below the tolerance, while a wrong permutation moves logits by whole
 *  units. One model is in memory at a time.
 *  @param program The graph compiled for `logits`.
 *  @param b B's parameters as they are; @param aligned those of B'.
 */
export async function equivalenceGate(
  program: Program,
  b: ParameterReader,
  aligned: ParameterReader,
  probe: Feeds,
): Promise<EquivalenceGate> {
  const logitsOf = async (read: ParameterReader) => {
    const weights = await readWeights(read, program.parameters)
    return (await program.run(weights, selectFeeds(program, probe))).logits!.data
  }
  const expected = await logitsOf(b)
  const actual = await logitsOf(aligned)
  let [difference, largest] = [0, 0]
  for (let i = 0; i < expected.length; i++) {
    difference = Math.max(difference, Math.abs(actual[i]! - expected[i]!))
    largest = Math.max(largest, Math.abs(expected[i]!))
  }
  const tolerance = Math.max(1e-4, 1e-5 * largest)
  return { maxAbsLogitDifference: difference, tolerance, passed: difference <= tolerance }
}
