import type { BlockBatch } from '@isthmus/corpus'
import type { Program, Weights } from '@isthmus/engine'
import { UserError } from '@isthmus/tensor'

/** A model's loss on an evaluation set. */
export interface Loss {
  /** Mean of −ln p over the selected positions, in nats. */
  readonly loss: number
  /** Pseudo-perplexity, exp(loss). */
  readonly perplexity: number
  /** The number of selected positions. */
  readonly positions: number
}

/** The masked-language-model loss of a model.
 *
 *      L = −1/N Σ_i ln p(w_i | W_masked),   pseudo-perplexity = exp(L) = 2^(−1/N Σ_i log₂ p)
 *
 *  over the N selected positions of all batches, each with the same weight; summed in f64.
 *  @param program The model's graph compiled for `negativeLogLikelihood`; its head runs on the selected positions only.
 *  @param onBatch Called after each batch with the number of batches done.
 *  @throws {UserError} when no position is selected, or when the loss of a batch is not finite.
 *  @see Verma & Elbayad (2024), §4; Salazar et al. (2020), Masked language model scoring.
 */
export async function maskedLanguageModelLoss(
  program: Program,
  weights: Weights,
  batches: Iterable<BlockBatch>,
  onBatch?: (done: number) => void,
): Promise<Loss> {
  let sum = 0
  let positions = 0
  let done = 0
  for (const { inputIds, tokenTypeIds, selectedPositions, labels } of batches) {
    done++
    if (labels.data.length > 0) {
      const { negativeLogLikelihood } = await program.run(weights, {
        inputIds,
        tokenTypeIds,
        selectedPositions,
        labels,
      })
      for (const value of negativeLogLikelihood!.data) sum += value
      positions += labels.data.length
    }
    if (!Number.isFinite(sum)) {
      throw new UserError(`the loss of batch ${done} is not finite: the weights hold NaN or infinite values`)
    }
    onBatch?.(done)
  }
  if (positions === 0) {
    throw new UserError('no position of the evaluation set is masked: use more text or a higher mask probability')
  }
  const loss = sum / positions
  return { loss, perplexity: Math.exp(loss), positions }
}
