import { useEffect, useRef } from 'preact/hooks'
import { changeAddress, hrefOf, hrefWith } from '../address.ts'
import { formatValue } from '../format.ts'
import { Bound, Choice, SortHeading, Status, TableFrame, useDraft } from '../parts.tsx'
import { columnsOf, defaultColumns, isNumber, type RowsOf } from '../result-columns.ts'
import { encodeResult, type NamedRow, resultHref, resultLabel } from '../result-name.ts'
import {
  countQuery,
  groupColumns,
  groupings,
  pageQuery,
  pageSize,
  type ResultsRequest,
  resultsRequest,
} from '../results-query.ts'
import type { Row } from '../server.ts'
import { toggled, useTicked } from '../ticked.ts'
import { useQuery } from '../use-query.ts'

/** One row a result, or a point of a curve, of the studies’ current runs: filtered, sorted, grouped, and ticked to be compared. */
export function ResultsView({ params }: { params: URLSearchParams }) {
  const request = resultsRequest(params)
  const count = useQuery<Row & { readonly rows: number }>(countQuery(request))
  const noun = request.group === '' ? request.rowsOf : 'groups'
  return (
    <>
      <Filters request={request} params={params} />
      <Pager page={request.page} rows={count.rows?.[0]?.rows ?? null} noun={noun} />
      <ResultsPage key={`${request.rowsOf} ${request.group}`} request={request} />
    </>
  )
}

function ResultsPage({ request }: { request: ResultsRequest }) {
  const page = useQuery<NamedRow>(pageQuery(request))
  return (
    <>
      <Status of={page} empty="No result matches." />
      {page.rows !== null && page.rows.length > 0 && (
        <TableFrame label="Results">
          {request.group === '' ? (
            <ResultsTable rows={page.rows} request={request} />
          ) : (
            <GroupsTable rows={page.rows} request={request} />
          )}
        </TableFrame>
      )}
    </>
  )
}

interface FacetRow extends Row {
  readonly facet: string
  readonly value: string
}

const facetsQuery = `
select distinct 'study' as facet, study as value from study_run
union all select distinct 'method', method from alignment
union all select distinct 'variant', variant from alignment where variant <> ''
union all select distinct 'tag', tag from lab.tag where subject like 'result:%'
order by all`

function Filters({ request, params }: { request: ResultsRequest; params: URLSearchParams }) {
  const facets = useQuery<FacetRow>(facetsQuery)
  const valuesOf = (facet: string) => (facets.rows ?? []).filter((row) => row.facet === facet).map(({ value }) => value)
  return (
    <search class="filters">
      <SearchField value={request.search} />
      <RowsChoice rowsOf={request.rowsOf} />
      <Choice label="Study" name="study" params={params} options={valuesOf('study')} all="all" />
      <Choice label="Method" name="method" params={params} options={valuesOf('method')} all="all" />
      {valuesOf('variant').length > 0 && (
        <Choice label="Variant" name="variant" params={params} options={valuesOf('variant')} all="all" />
      )}
      {request.pair !== '' && <Choice label="Pair" name="pair" params={params} options={[request.pair]} all="all" />}
      <Choice label="Symmetry" name="symmetry" params={params} options={['kept', 'broken']} all="all" />
      {valuesOf('tag').length > 0 && (
        <Choice label="Tag" name="tag" params={params} options={valuesOf('tag')} all="all" />
      )}
      <Bound label="Barrier from" name="low" value={request.low} />
      <Bound label="to" name="high" value={request.high} />
      <Choice label="Group by" name="group" params={params} options={groupings[request.rowsOf]} all="nothing" />
      <ColumnChoice request={request} />
      <a href={hrefOf('sql', { q: pageQuery(request) })}>as SQL</a>
    </search>
  )
}

const typingPause = 250

/** Focused by `/`. */
function SearchField({ value }: { value: string }) {
  const field = useRef<HTMLInputElement>(null)
  const timer = useRef<ReturnType<typeof setTimeout>>(undefined)
  const [draft, setDraft] = useDraft(value)
  useEffect(() => {
    const focus = (event: KeyboardEvent) => {
      if (
        event.key !== '/' ||
        event.ctrlKey ||
        event.metaKey ||
        (event.target as Element).closest('input, textarea, select')
      )
        return
      event.preventDefault()
      field.current?.focus()
    }
    addEventListener('keydown', focus)
    return () => {
      removeEventListener('keydown', focus)
      clearTimeout(timer.current)
    }
  }, [])
  const typed = (text: string) => {
    setDraft(text)
    clearTimeout(timer.current)
    timer.current = setTimeout(() => changeAddress({ search: text, page: null }, 'replace'), typingPause)
  }
  return (
    <label>
      Search
      <input
        ref={field}
        type="search"
        placeholder="seed-1 head-perm"
        aria-keyshortcuts="/"
        value={draft}
        onInput={(event) => typed(event.currentTarget.value)}
      />
    </label>
  )
}

/** Columns, order and groups of the one are not all those of the other. */
function RowsChoice({ rowsOf }: { rowsOf: RowsOf }) {
  const choose = (chosen: string) =>
    changeAddress({ rows: chosen === 'points' ? chosen : null, columns: null, sort: null, group: null, page: null })
  return (
    <label>
      Rows
      <select value={rowsOf} onChange={(event) => choose(event.currentTarget.value)}>
        <option value="results">results</option>
        <option value="points">points of curves</option>
      </select>
    </label>
  )
}

function ColumnChoice({ request: { rowsOf, columns } }: { request: ResultsRequest }) {
  const shown = new Set(columns.map(({ name }) => name))
  const toggle = (name: string) => {
    const next = toggled(shown, name)
    const names = columnsOf[rowsOf].map((column) => column.name).filter((one) => next.has(one))
    changeAddress({ columns: names.join() === defaultColumns[rowsOf].join() ? null : names.join() }, 'replace')
  }
  return (
    <details class="menu">
      <summary>Columns</summary>
      <fieldset aria-label="Columns">
        {columnsOf[rowsOf].map(({ name, label, title }) => (
          <label key={name} title={title}>
            <input type="checkbox" checked={shown.has(name)} onChange={() => toggle(name)} />
            {label}
          </label>
        ))}
      </fieldset>
    </details>
  )
}

function Pager({ page, rows, noun }: { page: number; rows: number | null; noun: string }) {
  const [ticked, setTicked] = useTicked()
  const last = rows === null ? page : Math.max(0, Math.ceil(rows / pageSize) - 1)
  const go = (to: number) => changeAddress({ page: to === 0 ? null : to })
  return (
    <div class="bar">
      <span role="status">{rows === null ? 'Counting …' : describePage(page, rows, noun)}</span>
      <button type="button" disabled={page === 0} onClick={() => go(Math.min(page - 1, last))}>
        Previous
      </button>
      <button type="button" disabled={page >= last} onClick={() => go(page + 1)}>
        Next
      </button>
      <span class="spring" />
      {ticked.size > 0 && (
        <button type="button" class="plain" onClick={() => setTicked(new Set())}>
          Untick all
        </button>
      )}
      {ticked.size > 1 ? (
        <a class="button" href={hrefOf('compare', { of: [...ticked] })}>
          Compare {ticked.size}
        </a>
      ) : (
        <span class="quiet">Tick two or more to compare</span>
      )}
    </div>
  )
}

function describePage(page: number, rows: number, noun: string): string {
  if (rows === 0) return `0 ${noun}`
  const first = page * pageSize + 1
  if (first > rows) return `No page ${page + 1}: ${rows.toLocaleString('en')} ${noun}`
  const last = Math.min(first + pageSize - 1, rows)
  return `${first.toLocaleString('en')}–${last.toLocaleString('en')} of ${rows.toLocaleString('en')} ${noun}`
}

function ResultsTable({ rows, request }: { rows: readonly NamedRow[]; request: ResultsRequest }) {
  const [ticked, setTicked] = useTicked()
  const columns = request.columns.filter(({ name }) => name !== 'variant' || rows.some(({ variant }) => variant !== ''))
  const words = rows.map(encodeResult)
  const areAllTicked = words.every((word) => ticked.has(word))
  const tickAll = () => {
    const next = new Set(ticked)
    for (const word of words) areAllTicked ? next.delete(word) : next.add(word)
    setTicked(next)
  }
  return (
    <table>
      <thead>
        <tr>
          <th scope="col">
            <input type="checkbox" aria-label="Tick all of this page" checked={areAllTicked} onChange={tickAll} />
          </th>
          <th scope="col">
            <span class="hidden">Page of the result</span>
          </th>
          {columns.map((column) => (
            <SortHeading key={column.name} {...column} sort={request.sort} isNumber={isNumber(column)} />
          ))}
        </tr>
      </thead>
      <tbody>
        {rows.map((row, index) => (
          <tr key={`${words[index]} ${row.lam ?? ''}`} class={ticked.has(words[index]!) ? 'ticked' : undefined}>
            <td>
              <input
                type="checkbox"
                aria-label={`Compare ${resultLabel(row)}`}
                checked={ticked.has(words[index]!)}
                onChange={() => setTicked(toggled(ticked, words[index]!))}
              />
            </td>
            <td>
              <a href={resultHref(row)} aria-label={`Page of ${resultLabel(row)}`}>
                open
              </a>
            </td>
            {columns.map((column) => (
              <td key={column.name} class={isNumber(column) ? 'number' : undefined}>
                {formatValue(row[column.name], column.kind)}
              </td>
            ))}
          </tr>
        ))}
      </tbody>
    </table>
  )
}

const groupLabels: Readonly<Record<RowsOf, Readonly<Record<(typeof groupColumns)[number], string>>>> = {
  results: { rows: 'Results', mean: 'Mean barrier', least: 'Least', largest: 'Largest' },
  points: { rows: 'Points', mean: 'Mean loss', least: 'Least', largest: 'Largest' },
}

function GroupsTable({ rows, request }: { rows: readonly Row[]; request: ResultsRequest }) {
  const { rowsOf, group, sort } = request
  const grouped = columnsOf[rowsOf].find(({ name }) => name === group)!
  const labels = groupLabels[rowsOf]
  return (
    <table>
      <thead>
        <tr>
          <SortHeading name={group} label={grouped.label} sort={sort} />
          {groupColumns.map((name) => (
            <SortHeading key={name} name={name} label={labels[name]} sort={sort} isNumber />
          ))}
        </tr>
      </thead>
      <tbody>
        {rows.map((row) => (
          <tr key={String(row[group])}>
            <th scope="row">
              {group === 'lam' ? (
                formatValue(row.lam, grouped.kind)
              ) : (
                <GroupLink group={group} value={row[group] === null ? '' : String(row[group])} />
              )}
            </th>
            {groupColumns.map((name) => (
              <td key={name} class="number">
                {formatValue(row[name], name === 'rows' ? 'count' : 'nats')}
              </td>
            ))}
          </tr>
        ))}
      </tbody>
    </table>
  )
}

/** Opens the results of a group. */
function GroupLink({ group, value }: { group: string; value: string }) {
  if (value === '') return <>none</>
  return <a href={hrefWith({ [group]: value, group: null, sort: null, page: null })}>{value}</a>
}
