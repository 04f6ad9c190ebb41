import { quoteLiteral } from '@isthmus/results/leaderboard-query'

/** A condition in SQL: a column of text has one of these values. */
export function isOneOf(column: string, values: readonly string[]): string {
  return values.length === 0 ? 'false' : `${column} in (${values.map(quoteLiteral).join(', ')})`
}
