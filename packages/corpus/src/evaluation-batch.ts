import type { Feeds } from '@isthmus/engine'

/** Some of an evaluation set, of whatever objective, as one forward pass: the graph's head gives the negative
 *  log-likelihood of each of its labels.
 */
export interface EvaluationBatch {
  /** By the names of a graph's inputs; a graph reads those that it declares. Among them `labels [predictions]`. */
  readonly feeds: Feeds
  readonly predictions: number
}
