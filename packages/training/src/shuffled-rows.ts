import { randomStream, sampleWithoutReplacement } from '@isthmus/corpus'

/** Rows of a data set in batches, epoch after epoch, each in an order of its own. */
export interface ShuffledRows {
  readonly stepsPerEpoch: number
  /** The rows of a step, counted from 0 over all epochs: a function of the step alone. */
  rows(step: number): number[]
}

/** Shuffle rows for training by epochs: each row once an epoch, the last batch of an epoch being what is left over.
 *
 *  @param count Rows of the data set.
 *  @param options The order follows from the seed and the epoch.
 */
export function shuffledRows(
  count: number,
  { batchSize, seed }: { readonly batchSize: number; readonly seed: number },
): ShuffledRows {
  const stepsPerEpoch = Math.ceil(count / batchSize)
  let latest: { readonly epoch: number; readonly order: Int32Array } = { epoch: -1, order: new Int32Array() }
  const orderOf = (epoch: number) => {
    if (latest.epoch !== epoch) {
      latest = { epoch, order: sampleWithoutReplacement(randomStream(seed, 'order', epoch), count, count) }
    }
    return latest.order
  }
  return {
    stepsPerEpoch,
    rows(step) {
      const start = (step % stepsPerEpoch) * batchSize
      return [...orderOf(Math.floor(step / stepsPerEpoch)).subarray(start, start + batchSize)]
    },
  }
}
