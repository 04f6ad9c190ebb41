import type { EvaluationUse, LeaderboardRow, PublishedRow } from '@isthmus/results'
import { type FormattableRows, formatRows, type RowFormat } from './format-rows.ts'

/** The leaderboard for reading: intervals as one cell, and what the columns mean under it.
 *
 *  @param published Barriers that a paper reports; those of the rows' methods and studies get a column, where there is
 *    one. `json` and `csv` hold what is measured here and nothing else.
 *  @param study The study of rows that do not name theirs.
 *  @param use Of studies that take their barriers to a precision: how many tokens that took.
 */
export function leaderboardText(
  rows: readonly LeaderboardRow[],
  format: RowFormat,
  published: readonly PublishedRow[] = [],
  study?: string,
  use: readonly EvaluationUse[] = [],
): string {
  if (format === 'json' || format === 'csv') return formatRows(allColumns(rows), format)
  const theirs = rows.map((row) =>
    published.find((one) => one.method === row.method && one.study === (row.study ?? study)),
  )
  const anyPublished = theirs.some((row) => row !== undefined)
  const groups = Object.keys(rows[0] ?? {}).filter((name) => !measures.has(name) && varies(rows, name))
  const columns = [
    ...groups,
    'barrier',
    '± s.e.',
    '95 % interval',
    ...(anyPublished ? ['published'] : []),
    'linear',
    'midpoint',
    'Δ to vanilla',
    'symmetry',
    'max |Δlogits|',
    'tokens',
    'seconds',
    'pairs',
  ]
  const table = rows.map((row, index) => [
    ...groups.map((name) => row[name]),
    fixed(row.barrier),
    fixed(row.barrier_stderr),
    interval(row.barrier_low, row.barrier_high),
    ...(anyPublished ? [publishedCell(theirs[index])] : []),
    fixed(row.barrier_linear),
    fixed(row.midpoint),
    `${fixed(row.difference_to_vanilla)} ${interval(row.difference_low, row.difference_high)}`.trim(),
    row.symmetry,
    row.max_abs_logit_difference?.toExponential(1) ?? null,
    row.tokens === null ? null : Math.round(row.tokens),
    row.seconds?.toFixed(1) ?? null,
    row.pairs,
  ])
  return (
    formatRows({ columns, rows: table }, format) +
    'barrier: max over λ of the loss, less the mean of the two models’ losses (nats), averaged over pairs. Intervals: ' +
    'jackknife over models, since pairs share models. tokens, seconds: what aligning a pair takes.\n' +
    (anyPublished
      ? `published: barrier ± s.e. of ${[...new Set(theirs.flatMap((row) => row?.source ?? []))].join('; ')}.\n`
      : '') +
    use.map(useLine).join('')
  )
}

function useLine({ study, precision, confidence, curves, widest, tokens, tokens_in_all }: EvaluationUse): string {
  const count = (value: number) => value.toLocaleString('en')
  return (
    `${study}: ${curves} barriers to a precision of ${precision} (the widest ${confidence * 100} % interval is ` +
    `${widest < 0.0001 ? 'under 0.0001' : widest.toFixed(4)}), on ${((100 * tokens) / tokens_in_all).toFixed(1)} % of the tokens: ${count(tokens)} of ` +
    `${count(tokens_in_all)}, summed over λ. isthmus sql 'from barrier_estimate' has each interval.\n`
  )
}

const measures = new Set([
  'pairs',
  'models',
  'barrier',
  'barrier_stderr',
  'barrier_low',
  'barrier_high',
  'barrier_linear',
  'midpoint',
  'difference_to_vanilla',
  'difference_low',
  'difference_high',
  'symmetry',
  'max_abs_logit_difference',
  'tokens',
  'seconds',
  'settings',
])

/** A column that says the same in every row is left out, but for the method. */
function varies(rows: readonly LeaderboardRow[], name: string): boolean {
  return name === 'method' || new Set(rows.map((row) => JSON.stringify(row[name]))).size > 1
}

function allColumns(rows: readonly LeaderboardRow[]): FormattableRows {
  const columns = Object.keys(rows[0] ?? {})
  return { columns, rows: rows.map((row) => columns.map((name) => row[name])) }
}

function publishedCell(row: PublishedRow | undefined): string {
  return row === undefined ? '' : `${row.barrier.toFixed(2)} ± ${row.stderr.toFixed(2)}`
}

function fixed(value: number | null): string {
  return value === null ? '' : value.toFixed(3)
}

function interval(low: number | null, high: number | null): string {
  return low === null || high === null ? '' : `[${low.toFixed(2)}, ${high.toFixed(2)}]`
}
