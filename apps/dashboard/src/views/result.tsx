import { quoteLiteral } from '@isthmus/results/leaderboard-query'
import { useEffect, useMemo, useRef, useState } from 'preact/hooks'
import { changeAddress, hrefOf } from '../address.ts'
import { Annotations } from '../annotations.tsx'
import { Chart } from '../chart.tsx'
import { type CurvePoint, curvesChart } from '../curves-chart.ts'
import { flatten, formatTime, formatValue, parseJson } from '../format.ts'
import { isOneOf } from '../is-one-of.ts'
import { Legend } from '../legend.tsx'
import { layOut, lineageNodes, type ModelRow, type StepRow, stepsQuery } from '../lineage.ts'
import { LineageGraph } from '../lineage-graph.tsx'
import { Status, TableFrame } from '../parts.tsx'
import { rerunCommand } from '../rerun-command.ts'
import { resultColumns } from '../result-columns.ts'
import { isResult, type NamedRow, type ResultName, resultLabel, resultSubject } from '../result-name.ts'
import { ask, type Row, type Value } from '../server.ts'
import { variantSettings } from '../settings.ts'
import { useQuery } from '../use-query.ts'

interface Detail extends NamedRow {
  readonly model_a: string
  readonly model_b: string
  readonly key: string | null
  readonly run: string
  readonly version: string
  readonly finished_at: string
  readonly settings: string
  readonly study_settings: string
  readonly params: string | null
  readonly precision: number | null
  readonly confidence: number | null
}

/** The page of one result. */
export function ResultView({ params }: { params: URLSearchParams }) {
  const part = (name: string) => params.get(name) ?? ''
  const name: ResultName = {
    study: part('study'),
    variant: part('variant'),
    pair: part('pair'),
    method: part('method'),
  }
  return (
    <>
      <p class="name">{resultLabel(name)}</p>
      <OneResult key={resultSubject(name)} name={name} chosen={params.get('box')} />
    </>
  )
}

function OneResult({ name, chosen }: { name: ResultName; chosen: string | null }) {
  const asked = useQuery<Detail>(detailQuery(name))
  const detail = asked.rows?.[0]
  return (
    <>
      <Status of={asked} empty="There is no such result in the study’s current run." />
      {detail !== undefined && (
        <div class="result">
          <Numbers detail={detail} />
          <Curve name={name} />
          <LineagePart name={name} chosen={chosen} />
          <Again detail={detail} />
          <Correlations detail={detail} />
          <Settings detail={detail} />
          <Annotations subject={resultSubject(name)} />
        </div>
      )}
    </>
  )
}

function detailQuery(name: ResultName): string {
  return `
with run as (
  select study, run, arg_max(version, started_at) as version, max(coalesce(finished_at, started_at)) as finished_at,
         any_value(cast(settings as varchar)) as study_settings
  from study_run semi join current_run using (study, run) group by study, run
), one as (
  select * exclude (settings), cast(settings as varchar) as settings from barrier where ${isResult(name)}
)
select one.*, e.low, e.high, e.precision, e.confidence, a.key, cast(a.params as varchar) as params, run.run, run.version,
       cast(run.finished_at as varchar) as finished_at, run.study_settings
from one join run using (study)
left join alignment a using (study, run, variant, pair, method)
left join barrier_estimate e using (study, variant, pair, method)`
}

const numbers = resultColumns.filter(
  ({ kind, name }) => kind !== 'json' && !['study', 'variant', 'pair', 'method', 'tags'].includes(name),
)

function Numbers({ detail }: { detail: Detail }) {
  return (
    <section>
      <h2>Numbers</h2>
      <dl class="numbers">
        {numbers
          .filter(({ name }) => detail[name] !== null && detail[name] !== undefined)
          .map(({ name, label, title, kind }) => (
            <div key={name} title={title}>
              <dt>{label}</dt>
              <dd>{formatValue(detail[name], kind)}</dd>
            </div>
          ))}
      </dl>
      {detail.precision !== null && detail.confidence !== null && (
        <p class="quiet">
          Taken to ± {detail.precision / 2} nats: low and high are the ends of the {detail.confidence * 100} % interval.
        </p>
      )}
    </section>
  )
}

function Curve({ name }: { name: ResultName }) {
  const methods = name.method === 'vanilla' ? ['vanilla'] : [name.method, 'vanilla']
  const asked = useQuery<CurvePoint>(
    `select method as line, method as colour, lam, loss from curve
     where ${isResult(name)} or ${isResult({ ...name, method: 'vanilla' })}
     order by method <> 'vanilla', method, lam`,
  )
  const { rows } = asked
  return (
    <section>
      <h2>Loss between the models</h2>
      <Status of={asked} empty="There are no points." />
      {rows !== null && rows.length > 0 && (
        <>
          <Legend label="Methods" names={methods} />
          <Chart
            label={`Loss against λ of ${methods.join(' and ')}`}
            version={rows}
            build={(width) => curvesChart(rows, methods, width)}
          />
        </>
      )}
    </section>
  )
}

function Correlations({ detail }: { detail: Detail }) {
  const asked = useQuery<Row>(
    detail.key === null
      ? null
      : `select site, cast(layer as integer) as layer, mean_diagonal_before, mean_diagonal_after from correlation
         where alignment = ${quoteLiteral(detail.key)} order by site, correlation.layer`,
  )
  if (asked.rows === null || asked.rows.length === 0) return null
  return (
    <section>
      <h2>Correlation by layer</h2>
      <TableFrame label="Correlation by layer">
        <table>
          <thead>
            <tr>
              <th scope="col">Site</th>
              <th scope="col" class="number">
                Layer
              </th>
              <th scope="col" class="number">
                Before
              </th>
              <th scope="col" class="number">
                After
              </th>
            </tr>
          </thead>
          <tbody>
            {asked.rows.map((row) => (
              <tr key={`${row.site} ${row.layer}`}>
                <td>{row.site}</td>
                <td class="number">{row.layer}</td>
                <td class="number">{formatValue(row.mean_diagonal_before, 'nats')}</td>
                <td class="number">{formatValue(row.mean_diagonal_after, 'nats')}</td>
              </tr>
            ))}
          </tbody>
        </table>
      </TableFrame>
    </section>
  )
}

interface OriginRow extends Row {
  readonly author: string
  readonly isthmus: string
  readonly steps: number
  readonly first: string
}

interface DisagreementRow extends Row {
  readonly key: string
  readonly kept: string
  readonly refused: string
  readonly author: string
}

function LineagePart({ name, chosen }: { name: ResultName; chosen: string | null }) {
  const roots = `select distinct digest from curve_point semi join current_run using (study, run) where ${isResult(name)}`
  const steps = useQuery<StepRow>(stepsQuery(roots))
  const models = useQuery<ModelRow>('select digest, name, source from model')
  const rootRows = useQuery<Row & { readonly digest: string }>(roots)
  const keys = steps.rows?.map(({ key }) => key) ?? []
  const isOfStep = isOneOf('key', keys)
  const origins = useQuery<OriginRow>(
    keys.length === 0
      ? null
      : `select author, isthmus, cast(count(*) as integer) as steps, cast(min(made_at) as varchar) as first
         from lab.action_origin where ${isOfStep} group by all order by steps desc`,
  )
  const disagreements = useQuery<DisagreementRow>(
    keys.length === 0 ? null : `select key, kept, refused, author from lab.disagreement where ${isOfStep} order by key`,
  )
  const lineage = useMemo(() => {
    if (steps.rows === null || models.rows === null || rootRows.rows === null || steps.rows.length === 0) return null
    const digests = rootRows.rows.map(({ digest }) => digest)
    return layOut(lineageNodes(steps.rows, models.rows, digests))
  }, [steps.rows, models.rows, rootRows.rows])
  const box =
    lineage?.nodes.find(({ id }) => id === chosen) ??
    lineage?.nodes
      .filter(({ kind }) => kind === 'result')
      .sort((one, other) => other.digests.length - one.digests.length)[0]
  return (
    <section class="wide">
      <h2>Where it comes from</h2>
      <Status of={steps} empty="Its steps have not been recorded." />
      {(disagreements.rows ?? []).map(({ key, kept, refused, author }) => (
        <p key={key + refused} class="error" role="alert">
          {author} had another value of the step <code>{key.slice(0, 12)}</code>: <code>{refused.slice(0, 12)}</code>,
          not <code>{kept.slice(0, 12)}</code>, which is kept.
        </p>
      ))}
      {lineage !== null && (
        <>
          <TableFrame label="Lineage">
            <LineageGraph
              lineage={lineage}
              chosen={box?.id ?? null}
              onChoose={(id) => changeAddress({ box: id }, 'replace')}
            />
          </TableFrame>
          {box !== undefined && (
            <BoxDetail
              title={`${box.kind} ${box.title}`}
              digests={box.digests}
              keyOfStep={steps.rows?.find(({ digest }) => digest === box.digests[0])?.key ?? null}
            />
          )}
        </>
      )}
      {(origins.rows ?? []).map(({ author, isthmus, steps: count, first }) => (
        <p key={author + isthmus} class="quiet">
          {author} gave {count} of its steps, computed with isthmus {isthmus}, first on {formatTime(first)}.
        </p>
      ))}
    </section>
  )
}

interface ActionAnswer {
  readonly record: {
    readonly operation: string
    readonly version: number
    readonly params: Value
    readonly seconds: number
    readonly createdAt: string
  }
  readonly origin: { readonly by: string; readonly isthmus: string }
}

function BoxDetail(props: { title: string; digests: readonly string[]; keyOfStep: string | null }) {
  const { title, digests, keyOfStep } = props
  const [action, setAction] = useState<ActionAnswer | null>(null)
  useEffect(() => {
    setAction(null)
    if (keyOfStep === null) return
    const abort = new AbortController()
    ask(`actions/${encodeURIComponent(keyOfStep)}`, { signal: abort.signal })
      .then((response) => response.json())
      .then(setAction, () => undefined)
    return () => abort.abort()
  }, [keyOfStep])
  return (
    <dl class="facts">
      <dt>{title}</dt>
      <dd>
        <code>{digests[0]}</code>
        {digests.length > 1 && <span class="quiet"> and {digests.length - 1} others</span>}
      </dd>
      {keyOfStep !== null && (
        <>
          <dt>key</dt>
          <dd>
            <code>{keyOfStep}</code>
          </dd>
        </>
      )}
      {action !== null && (
        <>
          <dt>computed</dt>
          <dd>
            by {action.origin.by} with isthmus {action.origin.isthmus}, {formatTime(action.record.createdAt)}
          </dd>
          <dt>settings</dt>
          <dd>
            <code>{formatValue(action.record.params, 'json')}</code>
          </dd>
        </>
      )}
    </dl>
  )
}

function Again({ detail }: { detail: Detail }) {
  const all = flatten(variantSettings(detail.study_settings, detail.settings))
  const models = [detail.model_a, detail.model_b] as const
  const commandWith = (settings: Readonly<Record<string, Value>>) =>
    rerunCommand(detail, { settings, models, isTask: typeof all.task === 'string' })
  return (
    <section class="wide">
      <h2>Make it again</h2>
      <Command text={commandWith(flatten(parseJson(detail.settings)))} />
      <details>
        <summary>If its run was started with --set: the same with every setting</summary>
        <Command text={commandWith(all)} />
      </details>
      <p class="quiet">
        Run of <a href={hrefOf('results', { study: detail.study })}>{detail.study}</a> recorded{' '}
        {formatTime(detail.finished_at)} by isthmus {detail.version}
        {all['engine.name'] !== undefined && `, engine ${all['engine.name']}`}
        {all['engine.executionProvider'] !== undefined && ` on ${all['engine.executionProvider']}`}.
      </p>
    </section>
  )
}

function Command({ text }: { text: string }) {
  const code = useRef<HTMLElement>(null)
  const [copied, setCopied] = useState<string | null>(null)
  const copy = async () => {
    // Pages that come by plain HTTP from another host have no clipboard: there the text is selected.
    getSelection()?.selectAllChildren(code.current!)
    await navigator.clipboard?.writeText(text)
    setCopied(text)
  }
  const done = navigator.clipboard === undefined ? 'Selected' : 'Copied'
  return (
    <div class="bar">
      <code class="command" ref={code}>
        {text}
      </code>
      <button type="button" onClick={copy}>
        {copied === text ? done : 'Copy'}
      </button>
    </div>
  )
}

function Settings({ detail }: { detail: Detail }) {
  const own = flatten(parseJson(detail.settings))
  const settings = Object.entries(flatten(variantSettings(detail.study_settings, detail.settings)))
  const params = Object.entries(detail.params === null ? {} : flatten(parseJson(detail.params)))
  const line = ([name, value]: readonly [string, Value]) => (
    <div key={name} class={name in own ? 'differs' : undefined}>
      <dt>{name}</dt>
      <dd>{typeof value === 'string' ? value : JSON.stringify(value)}</dd>
    </div>
  )
  return (
    <section>
      <h2>Settings</h2>
      <dl class="settings">{params.map(([name, value]) => line([`alignment: ${name}`, value]))}</dl>
      <details>
        <summary>All {settings.length} of the study</summary>
        <dl class="settings">{settings.map(line)}</dl>
      </details>
    </section>
  )
}
