import { meanDiagonal } from '@isthmus/activations'
import { openSafetensors } from '@isthmus/checkpoint'
import { permutation } from '@isthmus/tensor'

/** How far apart the results of two sides are. */
export interface Agreement {
  /** The largest difference of two correlations; null where none are matched. */
  readonly correlation: number | null
  /** Entries of the permutations, and how many of them differ. */
  readonly entries: number
  readonly differing: number
  /** The largest difference between the mean correlations that the two permutations of a site reach, by our matrix:
   *  where entries differ, whether that is a tie.
   */
  readonly objective: number
  /** The largest difference of two losses, in nats. */
  readonly loss: number
}

/** Compare what two sides wrote and lost.
 *
 *  @param ours Paths of the safetensors of a `SideRequest`.
 *  @throws {CheckpointError} when a site of theirs is not among ours.
 */
export async function agreementOf(
  ours: { readonly alignment: string; readonly losses: readonly number[] },
  theirs: { readonly alignment: string; readonly losses: readonly number[] },
): Promise<Agreement> {
  await using left = await openSafetensors(ours.alignment)
  await using right = await openSafetensors(theirs.alignment)
  const sites = [...right.tensors.keys()].flatMap((name) => (name.startsWith('permutation|') ? [name.slice(12)] : []))
  let [correlation, entries, differing, objective] = [0, 0, 0, 0]
  for (const site of sites) {
    const [matrix, other] = [await left.read(`correlation|${site}`), await right.read(`correlation|${site}`)]
    const [own, chosen] = [await left.readInt32(`permutation|${site}`), await right.readInt32(`permutation|${site}`)]
    const size = own.data.length
    const reached = [own, chosen].map(({ data }) => meanDiagonal(matrix.data, size, permutation(data))) as [
      number,
      number,
    ]
    correlation = Math.max(correlation, largestDifference(matrix.data, other.data))
    entries += size
    differing += own.data.filter((feature, i) => feature !== chosen.data[i]).length
    objective = Math.max(objective, Math.abs(reached[0] - reached[1]))
  }
  const loss = largestDifference(ours.losses, theirs.losses)
  return { correlation: sites.length === 0 ? null : correlation, entries, differing, objective, loss }
}

/** NaN where a value is, or where there are not as many of the other. */
function largestDifference(a: ArrayLike<number>, b: ArrayLike<number>): number {
  let largest = a.length === b.length ? 0 : Number.NaN
  for (let i = 0; i < a.length; i++) largest = Math.max(largest, Math.abs(a[i]! - b[i]!))
  return largest
}
