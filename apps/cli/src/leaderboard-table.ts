import type { LeaderboardRow } from '@isthmus/results'
import { type FormattableRows, formatRows, type RowFormat } from './format-rows.ts'

/** The leaderboard for reading: intervals as one cell, and what the columns mean under it. */
export function leaderboardText(rows: readonly LeaderboardRow[], format: RowFormat): string {
  if (format === 'json' || format === 'csv') return formatRows(allColumns(rows), format)
  const groups = Object.keys(rows[0] ?? {}).filter((name) => !measures.has(name) && varies(rows, name))
  const columns = [
    ...groups,
    'barrier',
    '± s.e.',
    '95 % interval',
    'linear',
    'midpoint',
    'Δ to vanilla',
    'symmetry',
    'max |Δlogits|',
    'pairs',
  ]
  const table = rows.map((row) => [
    ...groups.map((name) => row[name]),
    fixed(row.barrier),
    fixed(row.barrier_stderr),
    interval(row.barrier_low, row.barrier_high),
    fixed(row.barrier_linear),
    fixed(row.midpoint),
    `${fixed(row.difference_to_vanilla)} ${interval(row.difference_low, row.difference_high)}`.trim(),
    row.symmetry,
    row.max_abs_logit_difference?.toExponential(1) ?? null,
    row.pairs,
  ])
  return (
    formatRows({ columns, rows: table }, format) +
    'barrier: max over λ of the loss, less the mean of the two models’ losses (nats), averaged over pairs. Intervals: ' +
    'jackknife over models, since pairs share models.\n'
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

function fixed(value: number | null): string {
  return value === null ? '' : value.toFixed(3)
}

function interval(low: number | null, high: number | null): string {
  return low === null || high === null ? '' : `[${low.toFixed(2)}, ${high.toFixed(2)}]`
}
