import type { Disagreement } from '@isthmus/results'
import { hrefOf } from '../address.ts'
import { formatDuration, formatTime } from '../format.ts'
import { Status, TableFrame } from '../parts.tsx'
import { ProgressBar } from '../progress-bar.tsx'
import type { Row } from '../server.ts'
import { useSession } from '../session.ts'
import { useQuery, useWritten } from '../use-query.ts'

interface StudyRow extends Row {
  readonly study: string
  readonly runs: number
  readonly last: string
  readonly seconds: number | null
  readonly failed: number
  readonly version: string
  readonly results: number
  readonly methods: number
  readonly pairs: number
  readonly variants: number
}

const studiesQuery = `
with ran as (
  select study, cast(count(*) as integer) as runs, max(started_at) as last, sum(seconds) as seconds,
         cast(arg_max(nodes_failed, started_at) as integer) as failed, arg_max(version, started_at) as version
  from study_run group by study
), found as (
  select study, cast(count(*) as integer) as results, cast(count(distinct method) as integer) as methods,
         cast(count(distinct pair) as integer) as pairs, cast(count(distinct variant) as integer) as variants
  from barrier group by study
)
select study, runs, cast(last as varchar) as last, seconds, failed, version,
       coalesce(results, 0) as results, coalesce(methods, 0) as methods, coalesce(pairs, 0) as pairs,
       coalesce(variants, 0) as variants
from ran left join found using (study)
order by ran.last desc`

/** Every study, the latest first. */
export function StudiesView() {
  const asked = useQuery<StudyRow>(studiesQuery)
  const { runs } = useSession()
  const running = runs.filter(({ state }) => state === 'running')
  const started = running.filter(({ study }) => !asked.rows?.some((row) => row.study === study))
  return (
    <>
      <DisagreementNotice />
      <Status
        of={asked}
        empty="Nothing has been recorded yet: isthmus run quickstart --remote with this server’s address."
      />
      {started.map((run) => (
        <p key={run.id}>
          {run.study} <ProgressBar run={run} />
        </p>
      ))}
      {asked.rows !== null && asked.rows.length > 0 && (
        <TableFrame label="Studies">
          <table>
            <thead>
              <tr>
                <th scope="col">Study</th>
                <th scope="col" class="number">
                  Results
                </th>
                <th scope="col" class="number">
                  Methods
                </th>
                <th scope="col" class="number">
                  Pairs
                </th>
                <th scope="col" class="number">
                  Variants
                </th>
                <th scope="col" class="number">
                  Runs
                </th>
                <th scope="col">Last run</th>
                <th scope="col" class="number" title="Of all runs">
                  Took
                </th>
                <th scope="col">Now</th>
                <th scope="col">Look at</th>
              </tr>
            </thead>
            <tbody>
              {asked.rows.map((row) => (
                <tr key={row.study}>
                  <th scope="row">
                    <a href={hrefOf('results', { study: row.study })}>{row.study}</a>
                  </th>
                  <td class="number">{row.results.toLocaleString('en')}</td>
                  <td class="number">{row.methods}</td>
                  <td class="number">{row.pairs}</td>
                  <td class="number">{row.variants}</td>
                  <td class="number">{row.runs}</td>
                  <td>
                    {formatTime(row.last)}
                    {row.failed > 0 && <span class="warn"> {row.failed} failed</span>}
                  </td>
                  <td class="number">{row.seconds === null ? '' : formatDuration(row.seconds)}</td>
                  <td>
                    {running
                      .filter(({ study }) => study === row.study)
                      .map((run) => (
                        <ProgressBar key={run.id} run={run} />
                      ))}
                  </td>
                  <td class="links">
                    <a href={hrefOf('leaderboard', { study: row.study })}>leaderboard</a>{' '}
                    <a href={hrefOf('linked', { study: row.study })}>linked views</a>
                  </td>
                </tr>
              ))}
            </tbody>
          </table>
        </TableFrame>
      )}
    </>
  )
}

function DisagreementNotice() {
  const count = useWritten<Disagreement>('disagreements').rows?.length ?? 0
  if (count === 0) return null
  return (
    <p class="error" role="alert">
      {count === 1 ? 'One step has' : `${count} times a step has`} got a second, different value, which was refused:{' '}
      <a href={hrefOf('live')}>see disagreements</a>.
    </p>
  )
}
