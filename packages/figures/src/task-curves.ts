import type { Results } from '@isthmus/results'
import { composeFigure, type DrawnFigure, type Panel, pageWidth } from './compose-figure.ts'
import { bandExtent, curvePanel } from './curve-panel.ts'
import { groupRows } from './group-rows.ts'
import { legend } from './legend.ts'
import { methodStyles } from './method-styles.ts'
import {
  brokenNote,
  evaluatedOn,
  matchedOn,
  methodLabel,
  pairsOfModels,
  type StudyDescription,
} from './study-description.ts'

/** What the pairs come to on a task at one λ, by one method. */
export interface TaskCurveRow {
  /** Swept settings, `task=datasets/tasks/genre`; empty where the study sweeps none. */
  readonly variant: string
  readonly task: string
  /** `loss`, or the name of a metric. */
  readonly measure: string
  readonly method: string
  readonly lam: number
  /** Mean, least and greatest over the pairs. */
  readonly mean: number
  readonly low: number
  readonly high: number
}

/** Read the losses of a study of tasks and the metric of each that comes first by its name, summarised over the pairs; sums
 *  run in a fixed order.
 */
export function readTaskCurves(results: Results, study: string): Promise<TaskCurveRow[]> {
  return results.query<TaskCurveRow>(
    `with own as (select * from score_curve where study = $1),
     main as (select variant, task, min(metric) as metric from own group by variant, task),
     measured as (
       select variant, task, 'loss' as measure, method, lam, pair, loss as value
       from curve join main using (variant) where study = $1
       union all
       select variant, task, metric, method, lam, pair, value from own semi join main using (variant, task, metric)
     )
     select variant, task, measure, method, lam,
            avg(value order by pair) as mean, min(value) as low, max(value) as high
     from measured group by variant, task, measure, method, lam
     order by variant, task, measure <> 'loss', method, lam`,
    [study],
  )
}

const panelHeight = 230
const gap = 14

/** Draw the loss and the metric of each task over λ, one above the other: one line for each method, its mean over the
 *  pairs, in a band from the least to the greatest pair.
 *
 *  @param rows In the order of λ within a method; a column for each variant, in the order of its first row.
 */
export function drawTaskCurves(rows: readonly TaskCurveRow[], study: StudyDescription): DrawnFigure {
  const tasks = groupRows(rows, ({ variant, task }) => `${variant} ${task}`)
  const columns = Math.min(tasks.length, 3)
  const width = Math.floor((pageWidth - 24 - gap * (columns - 1)) / columns)
  const styles = methodStyles(study.methods)
  const methods = [...new Set(rows.map(({ method }) => method))]
  const entries = methods.map((method) => ({ label: methodLabel(method, study), style: styles.get(method)! }))
  const panels: Panel[] = []
  for (let first = 0; first < tasks.length; first += columns) {
    const shown = tasks.slice(first, first + columns).map(([, own]) => groupRows(own, ({ measure }) => measure))
    panels.push(...shown.map(([loss]) => taskPanel(loss!, styles, width, headingOf(loss![1][0]!, tasks.length, rows))))
    panels.push(...shown.map(([, metric]) => taskPanel(metric!, styles, width)))
  }
  const band = study.pairs > 1 ? ` Lines: mean over ${pairsOfModels(study)}; bands: smallest to largest pair.` : ''
  return composeFigure({
    title: 'Loss and metric of fine-tuned models along the line between two, by alignment method',
    caption: `Study ${study.study}: ${evaluatedOn(study)}, features matched on ${matchedOn(study)}.${band}${brokenNote(study)}`,
    legend: legend(entries, columns * width + gap * (columns - 1)),
    columns,
    panels,
  })
}

/** The task, with the swept settings where it is shown more than once. */
function headingOf({ task, variant }: TaskCurveRow, panels: number, rows: readonly TaskCurveRow[]): string {
  return panels === new Set(rows.map((row) => row.task)).size ? task : `${task}: ${variant}`
}

function taskPanel(
  [measure, rows]: readonly [string, readonly TaskCurveRow[]],
  styles: ReturnType<typeof methodStyles>,
  width: number,
  heading?: string,
): Panel {
  const lines = groupRows(rows, ({ method }) => method).map(([method, own]) => ({
    style: styles.get(method)!,
    points: own.map(({ lam, mean, low, high }) => ({ x: lam, y: mean, low, high })),
  }))
  const drawing = curvePanel(lines, { width, height: panelHeight, label: measure, domain: bandExtent(rows) })
  return heading === undefined ? { drawing } : { heading, drawing }
}
