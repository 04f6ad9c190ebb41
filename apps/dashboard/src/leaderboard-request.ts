import { leaderboardGroups, leaderboardQuery } from '@isthmus/results/leaderboard-query'
import { isOneOf } from './is-one-of.ts'

/** Rows that are shown; there are more only where no study is chosen. */
export const leaderboardLimit = 200

/** The studies that the first rows of a leaderboard of all are of.
 *
 *  @param without As of `leaderboardSql`; of one that pools studies, all are.
 */
export function firstStudiesQuery(without: readonly string[]): string {
  const names = groupsWithout(without).map(({ name }) => name)
  return `select study
from (
  select study, sum(count(*)) over (order by study) - count(*) as rows_before
  from (select distinct ${names.join(', ')} from curve_barrier semi join current_run using (study, run)
        where barrier is not null)
  group by study
)
where rows_before < ${leaderboardLimit}
order by study`
}

/** The leaderboard of the groups that are chosen.
 *
 *  @param studies Only these; null: all. They are told to the database before it ranks, since ranking all takes long.
 *  @param without Grouping columns that are left out, so that what they tell apart is pooled.
 *  @param order A column of the leaderboard, with `-` before it for the largest first.
 */
export function leaderboardSql(studies: readonly string[] | null, without: readonly string[], order: string): string {
  const groups = groupsWithout(without)
  const barriers = studies === null ? 'barrier' : `(from barrier where ${isOneOf('study', studies)})`
  const places = groups.map(({ name }) => name).filter((name) => name !== 'method')
  const sorted = `${order.replace(/^-/, '')} ${order.startsWith('-') ? 'desc' : 'asc'} nulls last`
  return `select * from (${leaderboardQuery(groups, barriers)})
order by ${[...places, sorted, 'method'].join(', ')}
limit ${leaderboardLimit}`
}

function groupsWithout(without: readonly string[]) {
  return leaderboardGroups.filter(({ name }) => name === 'method' || !without.includes(name))
}
