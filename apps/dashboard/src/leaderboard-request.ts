import { leaderboardGroups, leaderboardQuery, quoteLiteral } from '@isthmus/results/leaderboard-query'

/** Rows that are shown; there are more only where no study is chosen. */
export const leaderboardLimit = 500

/** The leaderboard of the groups that are chosen.
 *
 *  @param study Only this one; empty: all.
 *  @param without Grouping columns that are left out, so that what they tell apart is pooled.
 *  @param order A column of the leaderboard, with `-` before it for the largest first.
 */
export function leaderboardSql(study: string, without: readonly string[], order: string): string {
  const condition = study === '' ? '' : `where study = ${quoteLiteral(study)}`
  const groups = leaderboardGroups.filter(({ name }) => name === 'method' || !without.includes(name))
  const isWhole = groups.length === leaderboardGroups.length
  const source = isWhole
    ? `leaderboard\n${condition}`
    : `(${leaderboardQuery(groups, condition === '' ? 'barrier' : `(from barrier ${condition})`)})`
  const places = groups.map(({ name }) => name).filter((name) => name !== 'method')
  const sorted = `${order.replace(/^-/, '')} ${order.startsWith('-') ? 'desc' : 'asc'} nulls last`
  return `select * from ${source}\norder by ${[...places, sorted, 'method'].join(', ')}\nlimit ${leaderboardLimit}`
}
