import type { EvaluationBatch } from '@isthmus/corpus'
import { type Program, selectFeeds, type Weights } from '@isthmus/engine'

/** The loss of a model on each block of some: the sum of −ln p over its predictions, in f64.
 *
 *  @param program The model's graph compiled for `negativeLogLikelihood`; it is fed what it declares of the batches.
 *  @param batches The blocks in their order, however they are batched.
 *  @param predictions How many predictions each block has.
 *  @returns Shape `[blocks]`; 0 for a block without predictions.
 */
export async function blockLosses(
  program: Program,
  weights: Weights,
  batches: Iterable<EvaluationBatch>,
  predictions: ArrayLike<number>,
): Promise<Float64Array> {
  const sums = new Float64Array(predictions.length)
  let block = 0
  let added = 0
  for (const batch of batches) {
    const results = await program.run(weights, selectFeeds(program, batch.feeds))
    for (const value of results.negativeLogLikelihood!.data) {
      for (; added === predictions[block]; added = 0) block++
      sums[block]! += value
      added++
    }
  }
  return sums
}
