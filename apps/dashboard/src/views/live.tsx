import { hrefOf } from '../address.ts'
import { formatTime } from '../format.ts'
import { Status, TableFrame } from '../parts.tsx'
import { ProgressBar } from '../progress-bar.tsx'
import type { Row } from '../server.ts'
import { useSession } from '../session.ts'
import { useQuery } from '../use-query.ts'

interface DisagreementRow extends Row {
  readonly key: string
  readonly operation: string | null
  readonly kept: string
  readonly keeper: string | null
  readonly refused: string
  readonly author: string
  readonly isthmus: string
  readonly made: string
}

const disagreementsQuery = `
select d.key, operation, d.kept, o.author as keeper, d.refused, d.author, d.isthmus,
       cast(d.made_at as varchar) as made
from lab.disagreement d left join lab.action_origin o using (key) left join artifact using (key)
order by d.made_at desc limit 100`

/** What runs now, and values that contradict what is there. */
export function LiveView() {
  const { runs } = useSession()
  const disagreements = useQuery<DisagreementRow>(disagreementsQuery)
  return (
    <>
      {runs.length === 0 && <p class="quiet">Nothing runs, and nothing has ended within the hour.</p>}
      <div class="runs" aria-live="polite">
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
                {run.running.map((label) => (
                  <li key={label}>{label}</li>
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
                  <th scope="col">Key</th>
                  <th scope="col">Kept</th>
                  <th scope="col">Refused</th>
                </tr>
              </thead>
              <tbody>
                {disagreements.rows.map((row) => (
                  <tr key={row.key + row.refused + row.author}>
                    <td>{formatTime(row.made)}</td>
                    <td>{row.operation}</td>
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
