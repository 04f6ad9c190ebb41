import { quoteIdentifier, quoteLiteral } from '@isthmus/results/leaderboard-query'
import { numberOf } from './address.ts'
import { columnsOf, defaultColumns, type ResultColumn, type RowsOf } from './result-columns.ts'
import { nameColumns, resultSubjectSql } from './result-name.ts'

/** What of the results is asked for. */
export interface ResultsRequest {
  readonly rowsOf: RowsOf
  readonly study: string
  readonly method: string
  readonly variant: string
  readonly pair: string
  readonly symmetry: string
  readonly tag: string
  /** Words that a result’s names contain, all of them. */
  readonly search: string
  /** Bounds of the barrier, in nats. */
  readonly low: number | null
  readonly high: number | null
  readonly columns: readonly ResultColumn[]
  /** A column, with `-` before it for the largest first. */
  readonly sort: string
  /** A column that rows are counted by, instead of listing them. */
  readonly group: string
  /** From 0. */
  readonly page: number
}

/** Rows of a page. */
export const pageSize = 100

/** More than any lab fills. */
const lastPage = 1_000_000

/** What rows can be grouped by. */
export const groupings: Readonly<Record<RowsOf, readonly string[]>> = {
  results: [...nameColumns, 'symmetry'],
  points: [...nameColumns, 'lam', 'symmetry'],
}

/** What a group says of its rows: how many there are, and of their barriers, or losses, the mean and the ends. */
export const groupColumns = ['rows', 'mean', 'least', 'largest'] as const

const nameList = nameColumns.join(', ')
const sources: Readonly<Record<RowsOf, string>> = {
  results: 'barrier',
  points: `barrier join (
  select ${nameList}, lam, loss, perplexity, positions from curve
) using (${nameList})`,
}

/** Read a request from the parameters of an address; what it does not know is left out. */
export function resultsRequest(params: URLSearchParams): ResultsRequest {
  const text = (name: string) => params.get(name) ?? ''
  const rowsOf = text('rows') === 'points' ? 'points' : 'results'
  const chosen = params.has('columns') ? text('columns').split(',') : defaultColumns[rowsOf]
  const group = groupings[rowsOf].includes(text('group')) ? text('group') : ''
  const sorts = group === '' ? columnsOf[rowsOf].map(({ name }) => name) : [group, ...groupColumns]
  const sort = sorts.includes(text('sort').replace(/^-/, '')) ? text('sort') : group === '' ? 'study' : group
  return {
    rowsOf,
    study: text('study'),
    method: text('method'),
    variant: text('variant'),
    pair: text('pair'),
    symmetry: text('symmetry'),
    tag: text('tag'),
    search: text('search'),
    low: numberOf(params, 'low'),
    high: numberOf(params, 'high'),
    columns: columnsOf[rowsOf].filter(({ name }) => chosen.includes(name)),
    sort,
    group,
    page: Math.min(lastPage, Math.max(0, Math.trunc(numberOf(params, 'page') ?? 0))),
  }
}

/** The rows of one page: those of results or points, with their names first, or those of groups. */
export function pageQuery(request: ResultsRequest): string {
  const { group, page } = request
  return `${group === '' ? rowsQuery(request) : groupsQuery(request)}\nlimit ${pageSize} offset ${page * pageSize}`
}

/** How many rows there are on all pages. */
export function countQuery(request: ResultsRequest): string {
  const { rowsOf, group } = request
  const counted = `from ${sources[rowsOf]}\n${conditionOf(request)}`
  // A group of nulls is one too.
  const source = group === '' ? counted : `from (select distinct ${group} ${counted})`
  return `select cast(count(*) as integer) as rows ${source}`
}

function rowsQuery(request: ResultsRequest): string {
  const { rowsOf, columns, sort } = request
  const all = columnsOf[rowsOf]
  const own = rowsOf === 'points' ? [...nameColumns, 'lam'] : nameColumns
  const sorted = all.find(({ name }) => name === sort.replace(/^-/, ''))!
  const names = [...new Set([...own, ...columns.map(({ name }) => name)])]
  const selected = names.map((name) => {
    const { expression } = all.find((column) => column.name === name)!
    return expression === undefined ? quoted(name) : `${expression} as ${quoteIdentifier(name)}`
  })
  const needsEstimate = [...columns, sorted].some(({ isEstimate }) => isEstimate)
  const estimates = needsEstimate
    ? `\nleft join (select ${nameList}, low, high from barrier_estimate) using (${nameList})`
    : ''
  const order = [orderOf(sort, sorted.expression ?? sorted.name), ...own]
  return `select ${selected.join(', ')}\nfrom ${sources[rowsOf]}${estimates}\n${conditionOf(request)}order by ${order.join(', ')}`
}

function groupsQuery(request: ResultsRequest): string {
  const { rowsOf, group, sort } = request
  const measure = rowsOf === 'points' ? 'loss' : 'barrier'
  return `select ${group}, cast(count(*) as integer) as rows, avg(${measure}) as mean,
       min(${measure}) as least, max(${measure}) as largest
from ${sources[rowsOf]}\n${conditionOf(request)}group by ${group}
order by ${orderOf(sort, quoteIdentifier(sort.replace(/^-/, '')))}, ${group}`
}

function orderOf(sort: string, expression: string): string {
  return `${expression} ${sort.startsWith('-') ? 'desc' : 'asc'} nulls last`
}

function quoted(name: string): string {
  return name === 'settings' ? 'cast(settings as varchar) as settings' : name
}

/** A WHERE clause with a line break after it, or nothing. */
function conditionOf({ study, method, variant, pair, symmetry, tag, search, low, high }: ResultsRequest): string {
  const equal = Object.entries({ study, method, variant, pair, symmetry })
    .filter(([, value]) => value !== '')
    .map(([name, value]) => `${name} = ${quoteLiteral(value)}`)
  const words = search.toLowerCase().split(/\s+/).filter(Boolean)
  const conditions = [
    ...equal,
    ...words.map((word) => `contains(lower(concat_ws(' ', study, variant, pair, method)), ${quoteLiteral(word)})`),
    ...(low === null ? [] : [`barrier >= ${low}`]),
    ...(high === null ? [] : [`barrier <= ${high}`]),
    ...(tag === '' ? [] : [`${resultSubjectSql} in (select subject from lab.tag where tag = ${quoteLiteral(tag)})`]),
  ]
  return conditions.length === 0 ? '' : `where ${conditions.join('\n  and ')}\n`
}
