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
  /** Each swept setting against the first, method by method; empty where nothing is swept. */
  readonly settingDifferences: readonly SettingDifferenceRow[]
  readonly gate: readonly GateRow[]
  /** The models that the study trained, where that is all it does. */
  readonly trained: readonly TrainedRow[]
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

/** A method's barriers under one setting less those under another, over the pairs that have both. Nats. */
export interface SettingDifferenceRow {
  readonly method: string
  readonly variant: string
  readonly other_variant: string
  readonly difference: number
  /** sd/√pairs; null for one pair. */
  readonly difference_stderr: number | null
  /** The difference of the mean of the two models' own losses. */
  readonly loss_difference: number
  readonly pairs: number
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

/** What the training of a model came to. */
export interface TrainedRow {
  readonly variant: string
  readonly model: string
  readonly steps: number
  readonly loss: number
  readonly validation_loss: number | null
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
    settingDifferences: await settingDifferencesOf(results, study, board),
    gate: await gateOf(results, study),
    trained: board.length === 0 ? await trainedBy(results, study) : [],
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

async function settingDifferencesOf(
  results: Results,
  study: string,
  board: readonly LeaderboardRow[],
): Promise<SettingDifferenceRow[]> {
  const variants = [...new Set(board.map(({ variant }) => String(variant)))]
  const rows = await results.query<SettingDifferenceRow>(
    `select one.method, one.variant, other.variant as other_variant, avg(one.barrier - other.barrier) as difference,
            stddev_samp(one.barrier - other.barrier) / sqrt(count(*)) as difference_stderr,
            avg((one.loss_a + one.loss_b - other.loss_a - other.loss_b) / 2) as loss_difference, count(*) as pairs
     from barrier one join barrier other using (study, pair, method)
     where study = $1 and other.variant = $2 and one.variant <> $2 and isfinite(one.barrier - other.barrier)
     group by all order by method`,
    [study, variants[0] ?? ''],
  )
  return rows.toSorted((x, y) => variants.indexOf(x.variant) - variants.indexOf(y.variant))
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

/** The last point of each curve. */
function trainedBy(results: Results, study: string): Promise<TrainedRow[]> {
  return results.query<TrainedRow>(
    `select variant, model, max(step) as steps, arg_max(loss, step) as loss,
            arg_max(validation_loss, step) filter (where validation_loss is not null) as validation_loss
     from training_curve where study = $1 group by variant, model order by variant, model`,
    [study],
  )
}
