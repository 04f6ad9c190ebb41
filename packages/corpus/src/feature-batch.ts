import type { Feeds } from '@isthmus/engine'

/** Sequences whose features are read, as one forward pass: lines of tokens, or images as patches. */
export interface FeatureBatch {
  /** By the names of a graph's inputs; a graph reads those that it declares. */
  readonly feeds: Feeds
  /** Which line or image each sequence of the batch is, as an index of the sample, shape `[batch]`. */
  readonly sequences: Int32Array
  /** Positions of a sequence, padding included. */
  readonly length: number
  /** Where features count, as flat indices of `[batch · length]`, increasing: padding is left out. */
  readonly positions: Int32Array
}
