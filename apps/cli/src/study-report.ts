import { type DrawnFigure, type FigureRequest, figureNamed, figures } from '@isthmus/figures'
import { type LeaderboardRow, leaderboard, type PublishedRow, published, type Results } from '@isthmus/results'
import { UserError } from '@isthmus/tensor'
import { type StudiesOfName, studyCommand } from './study-command.ts'

/** Everything that a report says of one study. */
export interface StudyReport {
  readonly study: string
  readonly title: string
  readonly command: string
  readonly run: RunOfStudy
  /** Settings of each variant. */
  readonly settings: readonly Readonly<Record<string, unknown>>[]
  readonly models: readonly ModelOfStudy[]
  readonly leaderboard: readonly LeaderboardRow[]
  readonly published: readonly PublishedRow[]
  readonly order: readonly OrderRow[]
  readonly gate: readonly GateRow[]
  readonly figures: readonly ReportedFigure[]
  /** Why figures are missing, a sentence each. */
  readonly missing: readonly string[]
}

/** The run that a study's views show. */
export interface RunOfStudy {
  readonly started_at: string
  readonly seconds: number | null
  readonly nodes_ran: number
  readonly nodes_cached: number
  readonly nodes_failed: number
  readonly version: string
}

export interface ModelOfStudy {
  readonly name: string
  readonly architecture: string
  readonly parameters: number
  readonly dtype: string
}

/** The difference of two methods' barriers here and in a paper, in nats. */
export interface OrderRow {
  readonly variant: string
  readonly method: string
  readonly other_method: string
  readonly difference: number
  readonly published_difference: number
  readonly agrees: boolean
}

/** What the equivalence gate measured of one method, over all pairs and variants. */
export interface GateRow {
  readonly method: string
  readonly symmetry: 'kept' | 'broken'
  readonly alignments: number
  /** The least and greatest max |Δlogits|. */
  readonly least: number
  readonly greatest: number
}

export interface ReportedFigure {
  readonly name: string
  readonly drawn: DrawnFigure
}

/** Gather what a report says of a study.
 *
 *  @throws {UserError} when there are no results of it.
 */
export async function studyReport(
  results: Results,
  { study, file }: StudiesOfName['studies'][number],
  tensors: FigureRequest['tensors'],
): Promise<StudyReport> {
  const board = await leaderboard(results, { study })
  const [run] = await results.query<RunOfStudy & { settings: string }>(
    `select settings, started_at, seconds, nodes_ran, nodes_cached, nodes_failed, version
     from study_run semi join current_run using (study, run)
     where study = $1 order by nodes_ran desc, started_at limit 1`,
    [study],
  )
  const settings = [JSON.parse(run!.settings)].flat() as StudyReport['settings']
  return {
    study,
    title: file?.title ?? study,
    command: studyCommand(study, settings, file),
    run: run!,
    settings,
    models: await modelsOf(results, study),
    leaderboard: board,
    published: await published(results, study),
    order: await orderOf(results, study),
    gate: await gateOf(results, study),
    ...(await drawAll(file?.figures, { results, study, ...(tensors === undefined ? {} : { tensors }) })),
  }
}

/** Draw the figures that a study names, or all that there are. */
async function drawAll(
  names: readonly string[] | undefined,
  request: FigureRequest,
): Promise<Pick<StudyReport, 'figures' | 'missing'>> {
  const drawn: ReportedFigure[] = []
  const missing: string[] = []
  for (const figure of names?.map(figureNamed) ?? figures) {
    try {
      drawn.push({ name: figure.name, drawn: await figure.draw(request) })
    } catch (error) {
      if (!(error instanceof UserError)) throw error
      missing.push(`${figure.name}: ${error.message}`)
    }
  }
  return { figures: drawn, missing }
}

function modelsOf(results: Results, study: string): Promise<ModelOfStudy[]> {
  return results.query<ModelOfStudy>(
    `with used as (
       select distinct unnest([model_a, model_b]) as name from curve where study = $1
     )
     select name, any_value(architecture) as architecture, max(parameters) as parameters, any_value(dtype) as dtype
     from used join model using (name) group by name order by name`,
    [study],
  )
}

/** Each two methods once, the one with the lower published barrier first. */
function orderOf(results: Results, study: string): Promise<OrderRow[]> {
  return results.query<OrderRow>(
    `select variant, method, other_method, difference, published_difference, agrees
     from comparison_order where study = $1 and (published_difference, method) < (0, other_method)
     order by variant, published_difference, method, other_method`,
    [study],
  )
}

function gateOf(results: Results, study: string): Promise<GateRow[]> {
  return results.query<GateRow>(
    `select method, symmetry, count(*) as alignments,
            min(max_abs_logit_difference) as least, max(max_abs_logit_difference) as greatest
     from alignment semi join current_run using (study, run)
     where study = $1 group by method, symmetry order by symmetry desc, greatest, method`,
    [study],
  )
}
