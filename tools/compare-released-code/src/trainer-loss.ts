import { blockBatches, type MaskedBlocks } from '@isthmus/corpus'
import type { Program, Weights } from '@isthmus/engine'
import { evaluationLoss } from '@isthmus/evaluation'

/** The masked-language-model loss as the `Trainer` of `transformers` averages it, which the released code reports.
 *
 *      L = Σ_b n_b L_b / Σ_b n_b
 *
 *  where L_b is the mean of −ln p over the masked positions of batch b, and n_b its number of blocks. Batches that have
 *  fewer masked positions thus weigh each of them more; ours weighs all positions alike, and differs by some 0.005.
 *  @param program The graph compiled for `negativeLogLikelihood`.
 *  @param batchSizes n_b: all equal, but for the last.
 */
export async function trainerLoss(
  program: Program,
  weights: Weights,
  blocks: Pick<MaskedBlocks, 'inputIds' | 'labels'>,
  batchSizes: readonly number[],
): Promise<number> {
  let sum = 0
  let count = 0
  for (const batch of blockBatches(blocks, batchSizes[0]!)) {
    const { loss } = await evaluationLoss(program, weights, [batch])
    const size = batch.feeds.inputIds.shape[0]!
    sum += size * loss
    count += size
  }
  return sum / count
}
