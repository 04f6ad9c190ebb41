import { leaderboardGroups, leaderboardQuery, quoteLiteral } from '@isthmus/results/leaderboard-query'

/** Rows that are shown; there are more only where no study is chosen. */
export const leaderboardLimit = 200

/** The leaderboard of the groups that are chosen.
 *
 *  @param study Only this one; empty: all.
 *  @param without Grouping columns that are left out, so that what they tell apart is pooled.
 *  @param order A column of the leaderboard, with `-` before it for the largest first.
 */
export function leaderboardSql(study: string, without: readonly string[], order: string): string {
  const groups = leaderboardGroups.filter(({ name }) => name === 'method' || !without.includes(name))
  const isView = study === '' && groups.length === leaderboardGroups.length
  // The view ranks all studies before it leaves any out.
  const barriers = study === '' ? 'barrier' : `(from barrier where study = ${quoteLiteral(study)})`
  const source = isView ? 'leaderboard' : `(${leaderboardQuery(groups, barriers)})`
  const places = groups.map(({ name }) => name).filter((name) => name !== 'method')
  const sorted = `${order.replace(/^-/, '')} ${order.startsWith('-') ? 'desc' : 'asc'} nulls last`
  return `select * from ${source}\norder by ${[...places, sorted, 'method'].join(', ')}\nlimit ${leaderboardLimit}`
}
