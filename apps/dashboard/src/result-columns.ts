import type { Kind } from './format.ts'
import { nameColumns, resultSubjectSql } from './result-name.ts'

/** A column of the table of results. */
export interface ResultColumn {
  readonly name: string
  readonly label: string
  readonly kind: Kind
  readonly title?: string
  /** SQL over the view `barrier`; left out: the column of that name. */
  readonly expression?: string
  /** Whether it is of `barrier_estimate`. */
  readonly isEstimate?: true
}

/** What a row of the table is. */
export type RowsOf = 'results' | 'points'

/** Every column that the table of results can have, in its order. */
export const resultColumns: readonly ResultColumn[] = [
  { name: 'study', label: 'Study', kind: 'text' },
  { name: 'variant', label: 'Variant', kind: 'text' },
  { name: 'pair', label: 'Pair', kind: 'text', title: 'A | B: λ = 1 is A, λ = 0 is B' },
  { name: 'method', label: 'Method', kind: 'text' },
  {
    name: 'barrier',
    label: 'Barrier',
    kind: 'nats',
    title: 'max over λ of the loss, less the mean of the two models’ losses; nats',
  },
  { name: 'low', label: 'Low', kind: 'nats', title: 'Lower end of the barrier’s interval', isEstimate: true },
  { name: 'high', label: 'High', kind: 'nats', title: 'Upper end of the barrier’s interval', isEstimate: true },
  {
    name: 'difference_to_vanilla',
    label: 'Δ vanilla',
    kind: 'nats',
    title: 'Barrier less that of vanilla on the same pair',
  },
  {
    name: 'barrier_linear',
    label: 'Linear',
    kind: 'nats',
    title: 'max over λ of loss − [λ loss(A) + (1 − λ) loss(B)]',
  },
  { name: 'midpoint', label: 'Midpoint', kind: 'nats', title: 'Loss at λ = ½, less the mean of the ends' },
  { name: 'loss_a', label: 'Loss A', kind: 'nats', title: 'At λ = 1' },
  { name: 'loss_b', label: 'Loss B', kind: 'nats', title: 'At λ = 0' },
  { name: 'lam_max', label: 'λ max', kind: 'lambda', title: 'Where the loss is largest' },
  { name: 'points', label: 'Points', kind: 'count', title: 'λs that were evaluated' },
  { name: 'symmetry', label: 'Symmetry', kind: 'text', title: 'Whether the alignment keeps the function of B' },
  {
    name: 'max_abs_logit_difference',
    label: 'max |Δlogits|',
    kind: 'exponent',
    title: 'Between B and aligned B, on the probe batch',
  },
  { name: 'tokens', label: 'Tokens', kind: 'count', title: 'Of which features were matched' },
  { name: 'seconds', label: 'Took', kind: 'seconds', title: 'What aligning the pair takes, from the models on' },
  { name: 'settings', label: 'Settings', kind: 'json', title: 'Those that the study varies' },
  {
    name: 'tags',
    label: 'Tags',
    kind: 'text',
    expression: `(select string_agg(tag, ', ' order by tag) from lab.tag where subject = ${resultSubjectSql})`,
  },
]

/** What a point of a curve has beside the columns of its result. */
const pointColumns: readonly ResultColumn[] = [
  { name: 'lam', label: 'λ', kind: 'lambda', title: '1: model A, 0: model B' },
  { name: 'loss', label: 'Loss', kind: 'nats', title: 'Mean over the positions; nats' },
  { name: 'perplexity', label: 'Perplexity', kind: 'nats' },
  { name: 'positions', label: 'Positions', kind: 'count', title: 'On which the loss was taken' },
]

const isOfName = ({ name }: ResultColumn) => (nameColumns as readonly string[]).includes(name)

/** Every column that the table can have, in its order. */
export const columnsOf: Readonly<Record<RowsOf, readonly ResultColumn[]>> = {
  results: resultColumns,
  points: [...resultColumns.filter(isOfName), ...pointColumns, ...resultColumns.filter((column) => !isOfName(column))],
}

/** Those that are shown where nothing else is chosen. */
export const defaultColumns: Readonly<Record<RowsOf, readonly string[]>> = {
  results: [...nameColumns, 'barrier', 'difference_to_vanilla', 'midpoint', 'loss_a', 'loss_b', 'symmetry'],
  points: [...nameColumns, ...pointColumns.map(({ name }) => name), 'barrier'],
}

/** Whether a column is set to the right. */
export function isNumber({ kind }: ResultColumn): boolean {
  return kind !== 'text' && kind !== 'json'
}
