import type { Comparison } from './compare-released-code.ts'

/** Whether two figures are within their bound. */
export function agrees({ theirs, ours, bound }: Comparison): boolean {
  return Math.abs(theirs - ours) <= bound
}

/** Lay out comparisons in columns, one a line, with a verdict as the last line. */
export function comparisonTable(comparisons: readonly Comparison[]): string {
  const rows = comparisons.map((comparison) => {
    const { method, quantity, theirs, ours, bound, note } = comparison
    const difference = Math.abs(theirs - ours).toExponential(1)
    const verdict = agrees(comparison) ? 'agrees' : 'DIFFERS'
    return [method, quantity, theirs.toFixed(6), ours.toFixed(6), difference, bound.toExponential(0), verdict, note]
  })
  const table = [['method', 'quantity', 'theirs', 'ours', 'difference', 'bound', '', ''], ...rows]
  const widths = table[0]!.map((_, column) => Math.max(...table.map((row) => row[column]!.length)))
  const isNumber = (column: number) => column >= 2 && column <= 5
  const lines = table.map((row) =>
    row
      .map((cell, column) => (isNumber(column) ? cell.padStart(widths[column]!) : cell.padEnd(widths[column]!)))
      .join('  ')
      .trimEnd(),
  )
  return [...lines, '', verdictOf(comparisons)].join('\n')
}

function verdictOf(comparisons: readonly Comparison[]): string {
  const differing = comparisons.filter((comparison) => !agrees(comparison)).length
  if (differing === 0) return `All ${comparisons.length} figures agree with the released code’s within their bounds.`
  return `${differing} of ${comparisons.length} figures differ from the released code’s by more than their bounds.`
}
