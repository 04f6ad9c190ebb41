import { UserError } from '@isthmus/tensor'
import type { JsonValue } from './json-value.ts'
import {
  type GroupColumn,
  leaderboardGroups,
  leaderboardQuery,
  quoteIdentifier,
  quoteLiteral,
} from './leaderboard-query.ts'
import type { Results } from './open-results.ts'

/** A row of the leaderboard, with the columns of the view of that name after those it is grouped by. Losses in nats. */
export interface LeaderboardRow {
  readonly pairs: number
  /** Different models (seeds) in those pairs. */
  readonly models: number
  /** Mean over pairs of max_λ L − ½ (L(A) + L(B)). */
  readonly barrier: number
  /** sd/√pairs: too small, since pairs share seeds. `null` for one pair. */
  readonly barrier_stderr: number | null
  /** 95 % interval by jackknife over seeds; `null` under three seeds. */
  readonly barrier_low: number | null
  readonly barrier_high: number | null
  readonly barrier_linear: number
  readonly midpoint: number | null
  /** Mean over the pairs that have both. */
  readonly difference_to_vanilla: number | null
  readonly difference_low: number | null
  readonly difference_high: number | null
  readonly symmetry: 'kept' | 'broken' | null
  readonly max_abs_logit_difference: number | null
  /** Tokens, or images, that aligning a pair takes, learned from as often as they were; `null` where weights are all. Mean
   *  over pairs. */
  readonly tokens: number | null
  /** Seconds that aligning a pair takes, from the models and the text on. Mean over pairs. */
  readonly seconds: number | null
  /** The columns grouped by, and `settings` where `variant` is one of them. */
  readonly [group: string]: JsonValue
}

/** What `leaderboard` shows. */
export interface LeaderboardOptions {
  /** Only this study. */
  readonly study?: string
  /** What a row stands for: any of `study`, `variant`, `method` and the swept settings. Variants
   *  that this does not tell apart are pooled. Default: study, variant and method, which is the view `leaderboard`. */
  readonly by?: readonly string[]
}

const columnsToGroupBy = ['study', 'variant', 'method']

/** Compare methods by their loss barriers, from the current run of each study.
 *
 *  @returns Rows in the order of the groups other than the method, and within them by barrier, lowest first.
 *  @throws {UserError} when there is no such study, or `by` names nothing that rows can be grouped by.
 *  @see `leaderboardQuery` for the statistics.
 */
export async function leaderboard(results: Results, options: LeaderboardOptions = {}): Promise<LeaderboardRow[]> {
  const { study, by } = options
  if (study !== undefined) await requireStudy(results, study)
  const groups = by === undefined ? leaderboardGroups : await groupColumns(results, by)
  const source = `(select * from barrier${study === undefined ? '' : ` where study = ${quoteLiteral(study)}`})`
  const names = groups.map(({ name }) => quoteIdentifier(name))
  const outer = names.filter((name) => name !== '"method"').map((name) => `try_cast(${name} as double), ${name}`)
  const order = [...outer, 'isnan(barrier)', 'barrier', ...names].join(', ')
  return results.query<LeaderboardRow>(`from (${leaderboardQuery(groups, source)}) order by ${order}`)
}

async function requireStudy(results: Results, study: string): Promise<void> {
  const known = (await results.query<{ study: string }>('select study from current_run order by 1')).map((r) => r.study)
  if (known.includes(study)) return
  const have = known.length === 0 ? 'there are none yet' : `there are ${known.join(', ')}`
  throw new UserError(`No results of a study "${study}"; ${have}: run it first, isthmus run ${study}`)
}

async function groupColumns(results: Results, by: readonly string[]): Promise<GroupColumn[]> {
  const swept = await results.query<{ field: string }>(
    'select distinct unnest(json_keys(settings)) as field from barrier order by 1',
  )
  const settings = swept.map(({ field }) => field).filter((field) => !columnsToGroupBy.includes(field))
  const known = [...columnsToGroupBy, ...settings]
  const unknown = by.find((name) => !known.includes(name))
  if (unknown !== undefined || by.length === 0) {
    const found = unknown === undefined ? 'nothing' : `"${unknown}"`
    throw new UserError(`The leaderboard cannot be grouped by ${found}: give one or more of ${known.join(', ')}`)
  }
  return [...new Set(by)].map((name) => ({
    name,
    expression: columnsToGroupBy.includes(name)
      ? name
      : `json_extract_string(settings, ${quoteLiteral(jsonPath(name))})`,
  }))
}

/** The JSON path of a field: `a.b` as one name. */
function jsonPath(field: string): string {
  return `$.${JSON.stringify(field)}`
}
