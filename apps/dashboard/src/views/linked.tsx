import { quoteLiteral } from '@isthmus/results/leaderboard-query'
import { useEffect, useMemo, useRef, useState } from 'preact/hooks'
import { changeAddress, hrefWith, numberOf } from '../address.ts'
import { Chart } from '../chart.tsx'
import { Legend } from '../legend.tsx'
import { type LinkedCharts, type LinkedChoice, linkedCharts } from '../linked-charts.ts'
import { forgetAnswers, onChartError } from '../mosaic.ts'
import { Bound, Choice, Failure, Status } from '../parts.tsx'
import type { Row } from '../server.ts'
import { useSession } from '../session.ts'
import { useQuery } from '../use-query.ts'
import { useStudies } from '../use-studies.ts'

interface NamesRow extends Row {
  readonly variant: string
  readonly methods: readonly string[]
  readonly pairs: readonly string[]
}

/** A study in four charts: what is chosen in one is what the others show. */
export function LinkedView({ params }: { params: URLSearchParams }) {
  const studies = useStudies()
  const names = studies.rows ?? []
  const study = params.get('study') ?? names[0] ?? ''
  if (study === '') return <Status of={studies} empty="No study has been recorded yet." />
  return <Study key={study} study={study} studies={names} params={params} />
}

function Study(props: { study: string; studies: readonly string[]; params: URLSearchParams }) {
  const { study, studies, params } = props
  const names = useQuery<NamesRow>(
    `select variant, list(distinct method order by method) as methods, list(distinct pair order by pair) as pairs
     from barrier where study = ${quoteLiteral(study)} and isfinite(barrier) group by variant order by variant`,
  )
  const rows = names.rows ?? []
  const row = rows.find(({ variant }) => variant === params.get('variant')) ?? rows[0]
  return (
    <>
      <div class="filters">
        <Choice label="Study" name="study" params={params} options={studies} value={study} />
        {rows.length > 1 && (
          <Choice
            label="Variant"
            name="variant"
            params={params}
            options={rows.map(({ variant }) => variant)}
            value={row?.variant ?? ''}
          />
        )}
      </div>
      <Status of={names} empty="The study has no curve with both of its ends yet." />
      {row !== undefined && <Charts key={`${study} ${row.variant}`} study={study} names={row} params={params} />}
    </>
  )
}

/** Pairs of ten models. */
const mostButtons = 45

function Charts({ study, names, params }: { study: string; names: NamesRow; params: URLSearchParams }) {
  const { revision } = useSession()
  const { variant, methods, pairs } = names
  const [error, setError] = useState<string | null>(null)
  useEffect(() => onChartError(setError), [])
  const charts = useMemo(() => {
    forgetAnswers()
    return linkedCharts(study, variant, methods)
  }, [study, variant, methods.join(), revision])
  useEffect(() => setError(null), [charts])
  const choice = choiceOf(params, names)
  useChoice(charts, choice)
  const version = JSON.stringify([study, variant, methods, revision])
  const toggle = (name: 'method' | 'pair', value: string) => {
    const chosen = name === 'method' ? choice.methods : choice.pairs
    changeAddress({ [name]: chosen.includes(value) ? chosen.filter((one) => one !== value) : [...chosen, value] })
  }
  const isAll = choice.methods.length === 0 && choice.pairs.length === 0 && choice.range === null
  return (
    <>
      <Legend label="Methods" names={methods} chosen={choice.methods} onToggle={(name) => toggle('method', name)} />
      {pairs.length <= mostButtons && (
        <ul class="legend" aria-label="Pairs">
          {pairs.map((pair) => (
            <li key={pair}>
              <button
                type="button"
                class="chip"
                aria-pressed={choice.pairs.includes(pair)}
                data-quiet={choice.pairs.length > 0 && !choice.pairs.includes(pair)}
                onClick={() => toggle('pair', pair)}
              >
                {pair}
              </button>
            </li>
          ))}
        </ul>
      )}
      <div class="filters">
        <Bound label="Barrier from" name="low" value={numberOf(params, 'low')} />
        <Bound label="to" name="high" value={numberOf(params, 'high')} />
        <span class="quiet" role="status">
          {describe(choice)}
        </span>
        {!isAll && <a href={hrefWith({ method: null, pair: null, low: null, high: null })}>Show everything</a>}
      </div>
      <Failure message={error} />
      <div class="grid">
        <section>
          <h2>Barrier by method</h2>
          <p class="quiet">One dot a pair. Drag to choose a range.</p>
          <Chart label="Barrier by method, one dot a pair" version={version} build={charts.barriers} />
        </section>
        <section>
          <h2>Barrier by method and pair</h2>
          <p class="quiet">Darker is higher. Click a cell to choose its method and pair.</p>
          <Chart label="Heat map of barriers by method and pair" version={version} build={charts.heatMap} />
        </section>
        <section>
          <h2>Loss curves</h2>
          <p class="quiet">One line a pair, of what is chosen.</p>
          <Chart label="Loss against λ of what is chosen" version={version} build={charts.curves} />
        </section>
        <section>
          <h2>Correlation by layer</h2>
          <p class="quiet">
            Of what is chosen: mean over pairs of the diagonal of the feature correlation, after alignment.
          </p>
          <Chart label="Mean feature correlation by layer and site" version={version} build={charts.correlations} />
        </section>
      </div>
    </>
  )
}

/** In nats; more than any barrier. Mosaic takes no infinite one. */
const unbounded = 1e9

function choiceOf(params: URLSearchParams, { methods, pairs }: NamesRow): LinkedChoice {
  const [low, high] = [numberOf(params, 'low'), numberOf(params, 'high')]
  return {
    methods: params.getAll('method').filter((name) => methods.includes(name)),
    pairs: params.getAll('pair').filter((name) => pairs.includes(name)),
    range: low === null && high === null ? null : [low ?? -unbounded, high ?? unbounded],
  }
}

function describe({ methods, pairs, range }: LinkedChoice): string {
  const parts = [
    methods.length === 0 ? 'all methods' : methods.join(', '),
    pairs.length === 0 ? 'all pairs' : pairs.join(', '),
    ...(range === null ? [] : [describeRange(range)]),
  ]
  return `Shown: ${parts.join('; ')}`
}

function describeRange([low, high]: readonly [number, number]): string {
  const from = low === -unbounded ? '' : ` from ${low.toFixed(3)}`
  const to = high === unbounded ? '' : ` to ${high.toFixed(3)}`
  return `barriers${from}${to} nats`
}

const brushPause = 150

/** Keep what the charts show and the address the same, whichever is changed. */
function useChoice(charts: LinkedCharts, choice: LinkedChoice): void {
  const word = JSON.stringify(choice)
  const latest = useRef(choice)
  latest.current = choice
  useEffect(() => charts.choose(JSON.parse(word)), [charts, word])
  useEffect(() => {
    let timer: ReturnType<typeof setTimeout> | undefined
    const brushed = (range: readonly [number, number] | null | undefined) => {
      if ((range ?? null) === null && latest.current.range === null) return
      charts.choose({ ...latest.current, range: range ?? null })
      clearTimeout(timer)
      timer = setTimeout(() => changeAddress({ low: range?.[0], high: range?.[1] }, 'replace'), brushPause)
    }
    const clicked = (cells: readonly (readonly [string, string])[] | null | undefined) => {
      const { methods, pairs } = latest.current
      const [pair, method] = cells?.[0] ?? []
      if (pair === undefined && methods.length === 0 && pairs.length === 0) return
      changeAddress({ method, pair })
    }
    charts.brush.addEventListener('value', brushed as never)
    charts.cell.addEventListener('value', clicked as never)
    return () => {
      clearTimeout(timer)
      charts.brush.removeEventListener('value', brushed as never)
      charts.cell.removeEventListener('value', clicked as never)
    }
  }, [charts])
}
