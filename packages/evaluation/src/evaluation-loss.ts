import type { EvaluationBatch } from '@isthmus/corpus'
import { type Program, selectFeeds, type Weights } from '@isthmus/engine'
import { UserError } from '@isthmus/tensor'

/** A model's loss on an evaluation set. */
export interface Loss {
  /** Mean over the predictions of −ln p, in nats; of a regression, of the squared error. */
  readonly loss: number
  /** exp(loss): of a masked language model the pseudo-perplexity; of a regression it means nothing. */
  readonly perplexity: number
  /** The number of predictions: selected positions, tokens that have a next one, texts or images. */
  readonly positions: number
}

/** What is wrong with an evaluation set without a label. */
export const nothingToPredict =
  'nothing is to be predicted in the evaluation set: use more of it, or a higher mask probability'

/** The loss of a model of whatever objective: masked language modelling, next token, or classification.
 *
 *      L = −1/N Σ_i ln p(label_i | what the model reads),   perplexity = exp(L) = 2^(−1/N Σ_i log₂ p)
 *
 *  over the N predictions of all batches, each with the same weight; summed in f64.
 *  @param program The model's graph compiled for `negativeLogLikelihood`; it is fed what it declares of the batches.
 *  @param onBatch Called after each batch with the number of batches done, the batch, and what the program gave for it.
 *  @throws {UserError} when nothing is to be predicted, the batches lack what the model reads, or the loss of a batch is
 *    not finite.
 *  @see Verma & Elbayad (2024), §4; Salazar et al. (2020), Masked language model scoring.
 */
export async function evaluationLoss<Batch extends EvaluationBatch>(
  program: Program,
  weights: Weights,
  batches: Iterable<Batch>,
  onBatch?: (done: number, batch: Batch, results: Awaited<ReturnType<Program['run']>>) => void,
): Promise<Loss> {
  let sum = 0
  let positions = 0
  let done = 0
  for (const batch of batches) {
    done++
    const results = await program.run(weights, selectFeeds(program, batch.feeds))
    for (const value of results.negativeLogLikelihood!.data) sum += value
    positions += batch.predictions
    if (!Number.isFinite(sum)) {
      throw new UserError(`the loss of batch ${done} is not finite: the weights hold NaN or infinite values`)
    }
    onBatch?.(done, batch, results)
  }
  if (positions === 0) {
    throw new UserError(nothingToPredict)
  }
  const loss = sum / positions
  return { loss, perplexity: Math.exp(loss), positions }
}
