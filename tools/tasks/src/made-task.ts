import type { TaskMetric } from '@isthmus/corpus'

/** A labelled text. */
export interface LabelledText {
  /** Where it comes from: a book, a mail. */
  readonly source: string
  readonly text: string
  readonly label: string
}

/** A task as it is made, before it is written. */
export interface MadeTask {
  /** The folder's name. */
  readonly id: string
  readonly title: string
  /** What its columns are called: where a text comes from, the text, its label. */
  readonly columns: readonly [string, string, string]
  readonly classes: readonly string[]
  readonly metrics: readonly TaskMetric[]
  readonly reference: string
  readonly train: readonly LabelledText[]
  readonly dev: readonly LabelledText[]
  /** What the README says before and after its table, in Markdown. */
  readonly about: { readonly what: string; readonly how: string; readonly licence: string }
}

/** The seed that the shipped tasks are drawn from. */
export const shippedSeed = 0
