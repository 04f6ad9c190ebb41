import { hrefOf } from '../address.ts'
import { formatTime } from '../format.ts'
import { isOneOf } from '../is-one-of.ts'
import { Status, TableFrame } from '../parts.tsx'
import { ProgressBar } from '../progress-bar.tsx'
import { type ResultName, resultHref, resultLabel } from '../result-name.ts'
import type { Row } from '../server.ts'
import { useSession } from '../session.ts'
import { useQuery } from '../use-query.ts'

interface DisagreementRow extends Row {
  readonly key: string
  readonly kept: string
  readonly keeper: string | null
  readonly refused: string
  readonly author: string
  readonly isthmus: string
  readonly made: string
}

const disagreementsQuery = `
select d.key, d.kept, o.author as keeper, d.refused, d.author, d.isthmus, cast(d.made_at as varchar) as made
from lab.disagreement d left join lab.action_origin o using (key)
order by d.made_at desc limit 100`

interface StepRow extends Row {
  readonly key: string
  readonly operation: string | null
  /** How many results the step itself is a part of, and the first of them. */
  readonly results: number | null
  readonly one: (ResultName & Row) | null
}

/** What steps are. The keys are told to the database: a join would have it read all points to find that there are none. */
function stepsQuery(keys: readonly string[]): string {
  const isAsked = isOneOf('key', keys)
  return `
with step as (
  select key, operation, digest from artifact where ${isAsked}
), affected as (
  select key, study, run, variant, pair, method from alignment where ${isAsked}
  union
  select key, study, run, variant, pair, method from curve_point join step using (digest)
), named as (
  select key, cast(count(*) as integer) as results,
         min({'study': study, 'variant': variant, 'pair': pair, 'method': method}) as one
  from affected semi join current_run using (study, run) group by key
)
select key, operation, results, one from step full join named using (key)`
}

/** What runs now, and values that contradict what is there. */
export function LiveView() {
  const { runs } = useSession()
  const disagreements = useQuery<DisagreementRow>(disagreementsQuery)
  const keys = [...new Set(disagreements.rows?.map(({ key }) => key))]
  const steps = useQuery<StepRow>(keys.length === 0 ? null : stepsQuery(keys))
  const stepOf = new Map(steps.rows?.map((step) => [step.key, step]))
  return (
    <>
      {runs.length === 0 && <p class="quiet">Nothing runs, and nothing has ended within the hour.</p>}
      <div class="runs">
        {runs.map((run) => (
          <article key={run.id} class="run">
            <h2>
              <a href={hrefOf('results', { study: run.study })}>{run.study}</a> <span class="quiet">{run.state}</span>
            </h2>
            <ProgressBar run={run} />
            <p class="quiet">
              {run.ran} computed, {run.cached} were there, {run.failed} failed; started by {run.by}{' '}
              {formatTime(run.startedAt)}
            </p>
            {run.running.length > 0 && (
              <ul class="steps" aria-label="Steps that are being computed">
                {run.running.map((label, index) => (
                  <li key={index}>{label}</li>
                ))}
              </ul>
            )}
          </article>
        ))}
      </div>
      <section>
        <h2>Disagreements</h2>
        <p class="quiet">
          A second, different value of a step is refused; the first is kept. Either one machine computes wrongly, or the
          step is not deterministic.
        </p>
        <Status of={disagreements} empty="None." />
        {disagreements.rows !== null && disagreements.rows.length > 0 && (
          <TableFrame label="Disagreements">
            <table>
              <thead>
                <tr>
                  <th scope="col">When</th>
                  <th scope="col">Step</th>
                  <th scope="col">Result</th>
                  <th scope="col">Key</th>
                  <th scope="col">Kept</th>
                  <th scope="col">Refused</th>
                </tr>
              </thead>
              <tbody>
                {disagreements.rows.map((row) => (
                  <tr key={row.key + row.refused + row.author}>
                    <td>{formatTime(row.made)}</td>
                    <td>{stepOf.get(row.key)?.operation ?? <span class="quiet">not recorded</span>}</td>
                    <td>
                      <Affected step={stepOf.get(row.key)} />
                    </td>
                    <td>
                      <code title={row.key}>{row.key.slice(0, 12)}</code>
                    </td>
                    <td>
                      <code title={row.kept}>{row.kept.slice(0, 12)}</code> {row.keeper}
                    </td>
                    <td>
                      <code title={row.refused}>{row.refused.slice(0, 12)}</code> {row.author}, isthmus {row.isthmus}
                    </td>
                  </tr>
                ))}
              </tbody>
            </table>
          </TableFrame>
        )}
      </section>
    </>
  )
}

/** The result that a step is a part of, or the first of several. */
function Affected({ step }: { step: StepRow | undefined }) {
  const { one = null, results = null } = step ?? {}
  if (one === null || results === null) return null
  return (
    <>
      <a href={resultHref(one)}>{resultLabel(one)}</a>
      {results > 1 && <span class="quiet"> and {results - 1} more</span>}
    </>
  )
}
