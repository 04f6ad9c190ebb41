import type { Results } from '@isthmus/results'
import { UserError } from '@isthmus/tensor'
import { columnWidth, composeFigure, type DrawnFigure, pageWidth } from './compose-figure.ts'
import { groupRows } from './group-rows.ts'
import { dotMark, legend, lineMark } from './legend.ts'
import { type MethodStyle, methodStyles } from './method-styles.ts'
import { type Drawing, plotMarkup } from './plot-markup.ts'
import { runIt } from './study-description.ts'

/** A point of the curve of a training. In nats. */
export interface TrainingRow {
  /** Swept settings; empty where the study sweeps none. */
  readonly variant: string
  readonly model: string
  readonly step: number
  /** Mean of the steps' losses since the point before. */
  readonly loss: number
  readonly validationLoss: number | null
}

/** Read the curves of the models that a study trained, in the order of their steps.
 *
 *  @throws {UserError} when it trained none.
 */
export async function readTrainings(results: Results, study: string): Promise<TrainingRow[]> {
  const rows = await results.query<TrainingRow>(
    `select variant, model, step, loss, validation_loss as "validationLoss"
     from training_curve where study = $1 order by variant, model, step`,
    [study],
  )
  if (rows.length > 0) return rows
  const runs = await results.query('select 1 from study_run where study = $1 limit 1', [study])
  if (runs.length === 0) throw new UserError(`No results of a study "${study}": ${runIt(study)}`)
  throw new UserError(
    `Study "${study}" trained no models, so there are no training curves to draw: train a family, isthmus run family`,
  )
}

/** Draw losses over the steps of training: thin, the training loss of each model; with markers, the validation loss.
 *
 *  @param rows In the order of steps within a model; one panel for each variant, in the order of its first row.
 */
export function drawTrainingCurves(rows: readonly TrainingRow[], study: string): DrawnFigure {
  const variants = groupRows(rows, ({ variant }) => variant)
  const models = [...new Set(rows.map(({ model }) => model))]
  const several = variants.length > 1
  const columns = several ? Math.min(variants.length, 3) : 1
  const width = several ? Math.floor((pageWidth - 24 - 14 * (columns - 1)) / columns) : columnWidth - 24
  const styles = modelStyles(models)
  const losses = rows.flatMap(({ loss, validationLoss }) => [loss, validationLoss ?? loss])
  const domain: [number, number] = [Math.min(...losses), Math.max(...losses)]
  const isValidated = rows.some(({ validationLoss }) => validationLoss !== null)
  return composeFigure({
    title: 'Loss over the steps of training, by model',
    caption:
      `Study ${study}. Lines: training loss, a mean over the steps since the point before, of whatever is predicted at ` +
      `that time${isValidated ? '; markers: loss on text or tasks that are not trained on' : ''}.`,
    legend: legend(
      models.map((model) => ({ label: model, style: styles.get(model)! })),
      columns * width + 14 * (columns - 1),
    ),
    columns,
    panels: variants.map(([variant, own]) => ({
      ...(several ? { heading: variant } : {}),
      drawing: panel(own, styles, { width, domain }),
    })),
  })
}

/** As methods are drawn, but without one that is always there. */
function modelStyles(models: readonly string[]): Map<string, MethodStyle> {
  const styles = [...methodStyles(models).values()]
  return new Map(models.map((model, i) => [model, styles[i]!]))
}

function panel(
  rows: readonly TrainingRow[],
  styles: ReadonlyMap<string, MethodStyle>,
  { width, domain }: { readonly width: number; readonly domain: [number, number] },
): Drawing {
  const lines = groupRows(rows, ({ model }) => model).map(([model, own]) => ({
    style: styles.get(model)!,
    training: own.map(({ step, loss }) => ({ x: step, y: loss })),
    validation: own.flatMap(({ step, validationLoss }) =>
      validationLoss === null ? [] : [{ x: step, y: validationLoss }],
    ),
  }))
  return plotMarkup({
    width,
    height: 290,
    marginLeft: 48,
    marginRight: 16,
    marginTop: 24,
    marginBottom: 44,
    style: { fontSize: '12px' },
    x: {
      domain: [0, Math.max(...rows.map(({ step }) => step))],
      ticks: width > 300 ? 6 : 3,
      label: 'steps',
      labelAnchor: 'center',
      labelArrow: 'none',
      labelOffset: 38,
    },
    y: { domain, nice: true, grid: true, ticks: 6, label: 'loss (nats)', labelArrow: 'none' },
    marks: [
      ...lines.map(({ training, style }) => lineMark(training, style, 0.8)),
      ...lines.flatMap(({ validation, style }) => [lineMark(validation, style), dotMark(validation, style, 3)]),
    ],
  })
}
