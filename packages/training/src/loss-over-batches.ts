import type { Feeds } from '@isthmus/engine'
import type { Graph } from '@isthmus/model'
import type { Tensor } from '@isthmus/tensor'
import type { Differentiator } from './differentiator.ts'

/** What a loss is taken on, and how many predictions that is. */
export interface LossBatch {
  readonly feeds: Feeds
  readonly predictions: number
}

/** The mean loss over the predictions of all batches, without dropout; summed in f64, in their order. */
export function lossOverBatches(
  differentiator: Differentiator,
  graph: Graph,
  parameters: ReadonlyMap<string, Tensor>,
  batches: Iterable<LossBatch>,
): number {
  let [sum, predictions] = [0, 0]
  for (const batch of batches) {
    sum += batch.predictions * differentiator.loss(graph, parameters, batch.feeds)
    predictions += batch.predictions
  }
  return sum / predictions
}
