import type { SavedQuery } from '@isthmus/results'
import { useCallback, useEffect, useRef, useState } from 'preact/hooks'
import { changeAddress, hrefOf } from '../address.ts'
import { csvOf, saveText } from '../csv.ts'
import { formatTime } from '../format.ts'
import { Failure, Status, TableFrame } from '../parts.tsx'
import { ask, type QueryResult, type Row, runQuery, type Value } from '../server.ts'
import { mayWrite, useSession } from '../session.ts'
import { useQuery, useWritten } from '../use-query.ts'

const firstQuery = 'select method, barrier, barrier_low, barrier_high\nfrom leaderboard\norder by barrier'
const shownRows = 1000

type Answer =
  | { readonly state: 'none' }
  | { readonly state: 'running' }
  | { readonly state: 'failed'; readonly message: string }
  | { readonly state: 'done'; readonly result: QueryResult; readonly milliseconds: number }

/** Any SELECT over the results. The query is in the address; opening a link shows its answer. */
export function ConsoleView({ params }: { params: URLSearchParams }) {
  const shared = params.get('q')
  const [sql, setSql] = useState(shared ?? firstQuery)
  const [answer, setAnswer] = useState<Answer>({ state: 'none' })
  const abort = useRef<AbortController>(undefined)
  const run = useCallback(async (query: string) => {
    abort.current?.abort()
    const own = new AbortController()
    abort.current = own
    setAnswer({ state: 'running' })
    const start = performance.now()
    try {
      const result = await runQuery(query, own.signal)
      setAnswer({ state: 'done', result, milliseconds: performance.now() - start })
    } catch (error) {
      if (!own.signal.aborted) setAnswer({ state: 'failed', message: (error as Error).message })
    }
  }, [])
  useEffect(() => {
    if (shared === null) return
    setSql(shared)
    void run(shared)
  }, [shared, run])
  useEffect(() => () => abort.current?.abort(), [])
  const submit = () => {
    if (sql === shared) void run(sql)
    else changeAddress({ q: sql })
  }
  const stop = () => {
    abort.current?.abort()
    setAnswer({ state: 'none' })
  }
  return (
    <div class="console">
      <div>
        <form
          onSubmit={(event) => {
            event.preventDefault()
            submit()
          }}
        >
          <label class="block">
            Query, one SELECT
            <textarea
              value={sql}
              rows={Math.min(16, Math.max(6, sql.split('\n').length + 1))}
              spellcheck={false}
              autocapitalize="off"
              aria-keyshortcuts="Control+Enter"
              onInput={(event) => setSql(event.currentTarget.value)}
              onKeyDown={(event) => {
                if (event.key !== 'Enter' || !(event.ctrlKey || event.metaKey)) return
                event.preventDefault()
                submit()
              }}
            />
          </label>
          <div class="bar">
            {answer.state === 'running' ? (
              <button type="button" onClick={stop}>
                Stop
              </button>
            ) : (
              <button type="submit">Run</button>
            )}
            <span class="quiet">Ctrl + Enter</span>
            <span class="spring" />
            <SaveQuery sql={sql} />
          </div>
        </form>
        <AnswerPart answer={answer} />
      </div>
      <aside>
        <SavedQueries />
        <Tables />
      </aside>
    </div>
  )
}

function AnswerPart({ answer }: { answer: Answer }) {
  if (answer.state === 'none') return null
  if (answer.state === 'running') return <p role="status">Running …</p>
  if (answer.state === 'failed') return <Failure message={answer.message} />
  const { result, milliseconds } = answer
  const { columns, rows } = result
  const isNumeric = columns.map(({ type }) => /INT|DOUBLE|FLOAT|DECIMAL/.test(type))
  return (
    <>
      <div class="bar">
        <span role="status">
          {rows.length.toLocaleString('en')} {rows.length === 1 ? 'row' : 'rows'}{' '}
          <span class="quiet">
            {Math.round(milliseconds)} ms, as of {formatTime(result.asOf)}
          </span>
          {rows.length > shownRows && ` (the first ${shownRows.toLocaleString('en')} are shown)`}
        </span>
        <span class="spring" />
        <button type="button" onClick={() => saveText(csvOf(result), 'isthmus.csv', 'text/csv')}>
          Download CSV
        </button>
      </div>
      <TableFrame label="Answer">
        <table>
          <thead>
            <tr>
              {columns.map(({ name, type }, index) => (
                <th key={index} scope="col" class={isNumeric[index] ? 'number' : undefined} title={type}>
                  {name}
                </th>
              ))}
            </tr>
          </thead>
          <tbody>
            {rows.slice(0, shownRows).map((row, number) => (
              <tr key={number}>
                {row.map((value, index) => (
                  <td key={index} class={isNumeric[index] ? 'number' : undefined}>
                    {cellText(value)}
                  </td>
                ))}
              </tr>
            ))}
          </tbody>
        </table>
      </TableFrame>
    </>
  )
}

function cellText(value: Value): string {
  if (value === null) return ''
  return typeof value === 'object' ? JSON.stringify(value) : String(value)
}

function SaveQuery({ sql }: { sql: string }) {
  const session = useSession()
  const [name, setName] = useState('')
  const [error, setError] = useState<string | null>(null)
  if (!mayWrite(session)) return null
  const save = async () => {
    try {
      await ask(`queries/${encodeURIComponent(name.trim())}`, { method: 'PUT', body: JSON.stringify({ sql }) })
      setName('')
      setError(null)
      session.refresh()
    } catch (failure) {
      setError((failure as Error).message)
    }
  }
  return (
    <>
      <input
        aria-label="Name of the query"
        placeholder="name"
        value={name}
        onInput={(event) => setName(event.currentTarget.value)}
      />
      <button type="button" disabled={name.trim() === ''} onClick={save}>
        Save
      </button>
      {error !== null && (
        <span class="error" role="alert">
          {error}
        </span>
      )}
    </>
  )
}

function SavedQueries() {
  const session = useSession()
  const saved = useWritten<SavedQuery>('queries')
  const [error, setError] = useState<string | null>(null)
  const remove = async (name: string) => {
    try {
      await ask(`queries/${encodeURIComponent(name)}`, { method: 'DELETE' })
      setError(null)
      session.refresh()
    } catch (failure) {
      setError((failure as Error).message)
    }
  }
  return (
    <section>
      <h2>Saved queries</h2>
      <Status of={saved} empty="None yet." />
      <Failure message={error} />
      <ul>
        {(saved.rows ?? []).map(({ name, sql, by }) => (
          <li key={name}>
            <a href={hrefOf('sql', { q: sql })}>{name}</a> <span class="quiet">{by}</span>{' '}
            {mayWrite(session) && (
              <button type="button" class="plain" aria-label={`Remove ${name}`} onClick={() => remove(name)}>
                ×
              </button>
            )}
          </li>
        ))}
      </ul>
    </section>
  )
}

interface TableRow extends Row {
  readonly name: string
  readonly comment: string | null
  readonly columns: string
}

const tablesQuery = `
select case when schema_name = 'main' then table_name else schema_name || '.' || table_name end as name,
       any_value(relation.comment) as comment,
       string_agg(column_name, ', ' order by column_index) as columns
from duckdb_columns() join (
  select schema_name, table_name, comment from duckdb_tables()
  union all select schema_name, view_name, comment from duckdb_views()
) relation using (schema_name, table_name)
where not internal
group by all
order by name`

function Tables() {
  const tables = useQuery<TableRow>(tablesQuery)
  return (
    <section>
      <h2>Tables and views</h2>
      <Status of={tables} empty="None." />
      <div>
        {(tables.rows ?? []).map(({ name, comment, columns }) => (
          <details key={name}>
            <summary title={comment ?? undefined}>{name}</summary>
            <p>{comment}</p>
            <p class="quiet">{columns}</p>
          </details>
        ))}
      </div>
    </section>
  )
}
