import { quoteLiteral } from '@isthmus/results/leaderboard-query'
import { useMemo } from 'preact/hooks'
import { changeAddress, hrefWith } from '../address.ts'
import { Chart } from '../chart.tsx'
import { type CurvePoint, curvesChart } from '../curves-chart.ts'
import { flatten, formatValue, parseJson } from '../format.ts'
import { isOneOf } from '../is-one-of.ts'
import { Legend } from '../legend.tsx'
import { SortHeading, Status, TableFrame } from '../parts.tsx'
import { resultColumns } from '../result-columns.ts'
import {
  decodeResult,
  encodeResult,
  type NamedRow,
  nameColumns,
  type ResultName,
  resultHref,
  resultLabel,
} from '../result-name.ts'
import type { Row, Value } from '../server.ts'
import { differingSettings, variantSettings } from '../settings.ts'
import { type Asked, useQuery } from '../use-query.ts'

interface ComparedRow extends NamedRow {
  readonly settings: string
  readonly params: string | null
}

interface StudySettingsRow extends Row {
  readonly study: string
  readonly settings: string
}

/** A result with all of its settings, flat. */
interface Compared {
  readonly row: ComparedRow
  readonly word: string
  readonly settings: Readonly<Record<string, Value>>
}

const numbers = resultColumns.filter(({ name }) =>
  [
    'barrier',
    'difference_to_vanilla',
    'midpoint',
    'loss_a',
    'loss_b',
    'lam_max',
    'max_abs_logit_difference',
    'seconds',
  ].includes(name),
)
const maximumColours = 10

/** Results side by side: what differs in their settings, their numbers, and their curves. */
export function CompareView({ params }: { params: URLSearchParams }) {
  const words = params.getAll('of')
  const chosen = words.map(decodeResult).filter((name) => name !== null)
  if (chosen.length === 0) {
    return (
      <p>
        Tick results in <a href="#/results">the table of results</a>, then compare them.
      </p>
    )
  }
  return <Comparison chosen={chosen} params={params} />
}

function Comparison({ chosen, params }: { chosen: readonly ResultName[]; params: URLSearchParams }) {
  const wanted = wantedSql(chosen)
  const asked = useQuery<ComparedRow>(`
${wanted}
select b.* exclude (settings), cast(b.settings as varchar) as settings, cast(a.params as varchar) as params
from barrier b semi join wanted using (study, variant, pair, method)
left join (from alignment semi join current_run using (study, run) where ${studiesOf(chosen)}) a using (study, variant, pair, method)
where ${studiesOf(chosen)}`)
  const curves = useQuery<CurvePoint & NamedRow>(`
${wanted}
select study, variant, pair, method, lam, loss, '' as line, '' as colour
from curve semi join wanted using (study, variant, pair, method)
where ${studiesOf(chosen)}
order by study, variant, pair, method, lam`)
  const studies = useQuery<StudySettingsRow>(
    `select study, any_value(cast(settings as varchar)) as settings
     from study_run semi join current_run using (study, run) where ${studiesOf(chosen)} group by study`,
  )
  const compared = useMemo(
    () => (asked.rows === null || studies.rows === null ? null : comparedOf(asked.rows, studies.rows)),
    [asked.rows, studies.rows],
  )
  return (
    <>
      <Status of={asked} empty="None of these results is in its study’s current run." />
      {compared === null && <Status of={studies} empty="" />}
      {compared !== null && compared.length > 0 && (
        <>
          <CommonName compared={compared} />
          <Missing chosen={chosen} compared={compared} />
          <Curves compared={compared} asked={curves} />
          <ComparedTable compared={sorted(compared, params)} params={params} />
        </>
      )}
    </>
  )
}

function wantedSql(chosen: readonly ResultName[]): string {
  const rows = chosen.map((name) => `(${nameColumns.map((part) => quoteLiteral(name[part])).join(', ')})`)
  return `with wanted(${nameColumns.join(', ')}) as (values ${rows.join(', ')})`
}

/** Of which studies they are: tells the database what it need not look at. */
function studiesOf(chosen: readonly ResultName[]): string {
  return isOneOf('study', [...new Set(chosen.map(({ study }) => study))])
}

function comparedOf(rows: readonly ComparedRow[], studies: readonly StudySettingsRow[]): Compared[] {
  const ofStudy = new Map(studies.map(({ study, settings }) => [study, parseJson(settings)]))
  return rows.map((row) => {
    const params = Object.entries(row.params === null ? {} : flatten(parseJson(row.params)))
    const settings = {
      ...flatten(variantSettings(ofStudy.get(row.study) ?? [], row.settings)),
      ...flatten(parseJson(row.settings)),
      ...Object.fromEntries(params.map(([name, value]) => [`align: ${name}`, value])),
    }
    return { row, settings, word: encodeResult(row) }
  })
}

function sorted(compared: readonly Compared[], params: URLSearchParams): Compared[] {
  const sort = params.get('sort') ?? 'barrier'
  const name = sort.replace(/^-/, '')
  const sign = sort.startsWith('-') ? -1 : 1
  const sortValue = ({ row, settings }: Compared) => row[name] ?? settings[name] ?? null
  return [...compared].sort((one, other) => {
    const [a, b] = [sortValue(one), sortValue(other)]
    if (a === null || b === null) return Number(a === null) - Number(b === null)
    if (typeof a === 'number' && typeof b === 'number') return sign * (a - b)
    return sign * String(a).localeCompare(String(b), 'en', { numeric: true })
  })
}

/** The parts of names that are the same in all. */
function commonParts(compared: readonly Compared[]) {
  return nameColumns.filter((name) => new Set(compared.map(({ row }) => row[name])).size === 1)
}

/** How results are told apart: by the other parts. */
function shortLabelOf(compared: readonly Compared[]): (name: ResultName) => string {
  const nothing = Object.fromEntries(commonParts(compared).map((part) => [part, '']))
  return (name) => resultLabel({ ...name, ...nothing }) || resultLabel(name)
}

/** Which results are not there any more. */
function Missing({ chosen, compared }: { chosen: readonly ResultName[]; compared: readonly Compared[] }) {
  const found = new Set(compared.map(({ word }) => word))
  const missing = chosen.filter((name) => !found.has(encodeResult(name)))
  if (missing.length === 0) return null
  return <p class="warn">Not in its study’s current run: {missing.map(resultLabel).join('; ')}</p>
}

/** What all results have in common. */
function CommonName({ compared }: { compared: readonly Compared[] }) {
  const { row } = compared[0]!
  const common = Object.fromEntries(commonParts(compared).map((part) => [part, row[part]]))
  const label = resultLabel({ study: '', variant: '', pair: '', method: '', ...common })
  return label === '' ? null : <p class="name">{label}</p>
}

function Curves({ compared, asked }: { compared: readonly Compared[]; asked: Asked<CurvePoint & NamedRow> }) {
  const shortLabel = shortLabelOf(compared)
  const isByResult = compared.length <= maximumColours
  const colourOf = (name: ResultName) => (isByResult ? shortLabel(name) : name.method)
  const colours = [...new Set(compared.map(({ row }) => colourOf(row)))].sort()
  const points = useMemo(
    () => (asked.rows ?? []).map((point) => ({ ...point, line: resultLabel(point), colour: colourOf(point) })),
    [asked.rows, compared],
  )
  return (
    <section>
      <h2>Curves</h2>
      <Status of={asked} empty="There are no points." />
      {points.length > 0 && (
        <>
          <Legend label={isByResult ? 'Results' : 'Methods'} names={colours} />
          <Chart
            label={`Loss against λ of ${compared.length} results`}
            version={points}
            build={(width) => curvesChart(points, colours, width)}
          />
        </>
      )}
    </section>
  )
}

function ComparedTable({ compared, params }: { compared: readonly Compared[]; params: URLSearchParams }) {
  const shortLabel = shortLabelOf(compared)
  const isAll = params.has('all')
  const differing = differingSettings(compared.map(({ settings }) => settings))
  const shown = isAll ? [...new Set(compared.flatMap(({ settings }) => Object.keys(settings)))].sort() : differing
  const sort = params.get('sort') ?? 'barrier'
  const least = Math.min(
    ...compared.map(({ row: { barrier } }) => (typeof barrier === 'number' ? barrier : Number.POSITIVE_INFINITY)),
  )
  return (
    <section>
      <h2>Numbers and settings</h2>
      <div class="bar">
        <span role="status">
          {compared.length} results differ in {differing.length} {differing.length === 1 ? 'setting' : 'settings'}
        </span>
        <label>
          <input type="checkbox" checked={isAll} onChange={() => changeAddress({ all: isAll ? null : 1 }, 'replace')} />
          show those that are equal
        </label>
      </div>
      <TableFrame label="Numbers and settings">
        <table>
          <thead>
            <tr>
              <th scope="col">Result</th>
              {shown.map((name) => (
                <SortHeading key={name} name={name} label={name} sort={sort} />
              ))}
              {numbers.map(({ name, label, title }) => (
                <SortHeading key={name} name={name} label={label} sort={sort} isNumber {...(title ? { title } : {})} />
              ))}
              <th scope="col">
                <span class="hidden">Leave out</span>
              </th>
            </tr>
          </thead>
          <tbody>
            {compared.map(({ row, word, settings }) => (
              <tr key={word}>
                <th scope="row">
                  <a href={resultHref(row)} title={resultLabel(row)}>
                    {shortLabel(row)}
                  </a>
                </th>
                {shown.map((name) => (
                  <td key={name} class={differing.includes(name) ? 'differs' : undefined}>
                    {settings[name] === undefined ? '' : settingText(settings[name])}
                  </td>
                ))}
                {numbers.map(({ name, kind }) => (
                  <td key={name} class={`number${name === 'barrier' && row.barrier === least ? ' best' : ''}`}>
                    {formatValue(row[name], kind)}
                  </td>
                ))}
                <td>
                  <a
                    href={hrefWith({ of: params.getAll('of').filter((other) => other !== word) })}
                    aria-label={`Leave out ${resultLabel(row)}`}
                  >
                    ×
                  </a>
                </td>
              </tr>
            ))}
          </tbody>
        </table>
      </TableFrame>
    </section>
  )
}

function settingText(value: Value): string {
  return typeof value === 'string' ? value : JSON.stringify(value)
}
