import { quoteLiteral } from '@isthmus/results/leaderboard-query'
import { changeAddress, hrefOf } from '../address.ts'
import { formatSettings, formatValue } from '../format.ts'
import { Interval, type IntervalScale, intervalScale } from '../interval.tsx'
import { firstStudiesQuery, leaderboardLimit, leaderboardSql } from '../leaderboard-request.ts'
import { Choice, Failure, SortHeading, Status, TableFrame } from '../parts.tsx'
import type { Row } from '../server.ts'
import { useQuery } from '../use-query.ts'
import { useStudies } from '../use-studies.ts'

interface LeaderboardRow extends Row {
  readonly method: string
  readonly pairs: number
  readonly models: number
  readonly barrier: number | null
  readonly barrier_low: number | null
  readonly barrier_high: number | null
  readonly difference_to_vanilla: number | null
  readonly difference_low: number | null
  readonly difference_high: number | null
}

/** A barrier that a paper reports. */
interface PublishedRow extends Row {
  readonly method: string
  readonly barrier: number
  /** Over the paper’s pairs. */
  readonly stderr: number
}

/** What our curves measure too: losses of masked language modelling, as `isthmus leaderboard` has them. */
const publishedDataset = 'WikiText-103'

const sorts = ['barrier', 'difference_to_vanilla', 'midpoint', 'seconds', 'tokens', 'pairs', 'method']

/** Instead of the name of a study. */
const everyStudy = 'all'

/** One row a method: means over pairs of models, with their intervals. */
export function LeaderboardView({ params }: { params: URLSearchParams }) {
  const studies = useStudies()
  const names = studies.rows ?? []
  const asked = params.get('study')
  const study = asked ?? names[0] ?? null
  const without = params.getAll('pool')
  const order = params.get('sort') ?? ''
  const sort = sorts.includes(order.replace(/^-/, '')) ? order : 'barrier'
  const sql = useLeaderboardSql(study, without, sort)
  const board = useQuery<LeaderboardRow>(sql.text)
  const published = useQuery<PublishedRow>(
    study === null || study === everyStudy
      ? null
      : `select method, barrier, stderr from published
         where study = ${quoteLiteral(study)} and dataset = '${publishedDataset}'`,
  )
  const pool = (name: string) =>
    changeAddress({ pool: without.includes(name) ? without.filter((one) => one !== name) : [...without, name] })
  return (
    <>
      <div class="filters">
        <Choice label="Study" name="study" params={params} options={[...names, everyStudy]} value={study ?? ''} />
        <fieldset class="inline">
          <legend>Keep apart</legend>
          {(study === everyStudy ? ['study', 'variant'] : ['variant']).map((name) => (
            <label key={name}>
              <input type="checkbox" checked={!without.includes(name)} onChange={() => pool(name)} />
              {name}
            </label>
          ))}
        </fieldset>
        {sql.text !== null && <a href={hrefOf('sql', { q: sql.text })}>as SQL</a>}
      </div>
      {study === null && <Status of={studies} empty="No study has been recorded yet." />}
      <Failure message={sql.error} />
      <Status of={board} empty="No curve has both of its ends yet." />
      {board.rows !== null && board.rows.length > 0 && (
        <Board key={study} rows={board.rows} published={published.rows ?? []} study={study} sort={sort} />
      )}
      <p class="quiet note">
        Barrier: max over λ of the loss, less the mean of the two models’ losses, in nats, averaged over pairs.
        Intervals are 95 %, by jackknife over models, since pairs share models; there is none under three models.
        {(published.rows?.length ?? 0) > 0 &&
          ' Paper: what Verma & Elbayad (2024) report for this study on WikiText-103, with their own models, ± standard error.'}
        {board.rows?.length === leaderboardLimit &&
          ` Only the first ${leaderboardLimit} rows are shown: choose a study.`}
      </p>
    </>
  )
}

/** The query of a leaderboard, once it is known which studies it has to rank. */
function useLeaderboardSql(study: string | null, without: readonly string[], sort: string) {
  const isFirst = study === everyStudy && !without.includes('study')
  const first = useQuery<Row & { readonly study: string }>(isFirst ? firstStudiesQuery(without) : null)
  if (study === null) return { text: null, error: null }
  if (study !== everyStudy) return { text: leaderboardSql([study], without, sort), error: null }
  if (!isFirst) return { text: leaderboardSql(null, without, sort), error: null }
  const studies = first.rows?.map((row) => row.study) ?? null
  return { text: studies === null ? null : leaderboardSql(studies, without, sort), error: first.error }
}

function Board(props: {
  rows: readonly LeaderboardRow[]
  published: readonly PublishedRow[]
  study: string | null
  sort: string
}) {
  const { rows, published, study, sort } = props
  const ofPaper = new Map(published.map((one) => [one.method, one]))
  const hasPaper = rows.some(({ method }) => ofPaper.has(method))
  const places = ['study', 'variant'].filter((name) => new Set(rows.map((row) => row[name])).size > 1)
  const barriers = intervalScale(
    rows.flatMap(({ barrier, barrier_low, barrier_high }) => [barrier, barrier_low, barrier_high]),
  )
  const differences = intervalScale(
    rows.flatMap((row) => [row.difference_to_vanilla, row.difference_low, row.difference_high]),
    [0],
  )
  return (
    <TableFrame label="Leaderboard">
      <table>
        <thead>
          <tr>
            {places.map((name) => (
              <th key={name} scope="col">
                {name === 'study' ? 'Study' : 'Variant'}
              </th>
            ))}
            <SortHeading name="method" label="Method" sort={sort} />
            <SortHeading name="barrier" label="Barrier" sort={sort} isNumber />
            <th scope="col">95 % interval</th>
            <SortHeading name="difference_to_vanilla" label="Δ vanilla" sort={sort} isNumber />
            <th scope="col">95 % interval</th>
            {hasPaper && (
              <th scope="col" class="number">
                Paper
              </th>
            )}
            <SortHeading name="midpoint" label="Midpoint" sort={sort} isNumber />
            <th scope="col">Symmetry</th>
            <SortHeading name="tokens" label="Tokens" sort={sort} isNumber title="That aligning a pair takes" />
            <SortHeading name="seconds" label="Took" sort={sort} isNumber title="What aligning a pair takes" />
            <SortHeading name="pairs" label="Pairs" sort={sort} isNumber />
          </tr>
        </thead>
        <tbody>
          {rows.map((row) => (
            <tr key={`${row.study} ${row.variant} ${row.method}`}>
              {places.map((name) => (
                <td key={name} title={name === 'variant' && row.settings ? formatSettings(row.settings) : undefined}>
                  {String(row[name])}
                </td>
              ))}
              <th scope="row">
                <a
                  href={hrefOf('results', {
                    study: text(row.study) ?? (study === everyStudy ? null : study),
                    variant: text(row.variant),
                    method: row.method,
                  })}
                >
                  {row.method}
                </a>
              </th>
              <td class="number">{formatValue(row.barrier, 'nats')}</td>
              <IntervalCell value={row.barrier} low={row.barrier_low} high={row.barrier_high} scale={barriers} />
              <td class="number">{formatValue(row.difference_to_vanilla, 'nats')}</td>
              <IntervalCell
                value={row.difference_to_vanilla}
                low={row.difference_low}
                high={row.difference_high}
                scale={differences}
                origin={0}
              />
              {hasPaper && <td class="number">{publishedText(ofPaper.get(row.method))}</td>}
              <td class="number">{formatValue(row.midpoint, 'nats')}</td>
              <td>{formatValue(row.symmetry, 'text')}</td>
              <td class="number">{formatValue(row.tokens, 'count')}</td>
              <td class="number">{formatValue(row.seconds, 'seconds')}</td>
              <td class="number" title={`${row.models} models`}>
                {row.pairs}
              </td>
            </tr>
          ))}
        </tbody>
      </table>
    </TableFrame>
  )
}

/** As papers write it: to two decimals. */
function publishedText(published: PublishedRow | undefined): string {
  if (published === undefined) return ''
  const { barrier, stderr } = published
  return `${barrier.toFixed(2)} ± ${stderr.toFixed(2)}`
}

function text(value: unknown): string | undefined {
  return typeof value === 'string' ? value : undefined
}

function IntervalCell(props: {
  value: number | null
  low: number | null
  high: number | null
  scale: IntervalScale
  origin?: number
}) {
  const { low, high } = props
  const ends = [low, high].map((end) => formatValue(end, 'nats'))
  return (
    <td class="interval">
      <Interval {...props} />
      <span>{low === null || high === null ? '' : `[${ends.join(', ')}]`}</span>
    </td>
  )
}
