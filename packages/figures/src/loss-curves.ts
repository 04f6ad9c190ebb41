import type { Results } from '@isthmus/results'
import { columnWidth, composeFigure, type DrawnFigure, pageWidth } from './compose-figure.ts'
import { bandExtent, curvePanel } from './curve-panel.ts'
import { groupRows } from './group-rows.ts'
import { legend } from './legend.ts'
import { methodStyles } from './method-styles.ts'
import type { Drawing } from './plot-markup.ts'
import {
  brokenNote,
  evaluatedOn,
  lossLabel,
  matchedOn,
  methodLabel,
  pairsOfModels,
  type StudyDescription,
} from './study-description.ts'

/** The losses of the pairs at one λ, by one method. In nats. */
export interface CurveRow {
  /** Swept settings, `alignment.fraction=0.1`; empty where the study sweeps none. */
  readonly variant: string
  readonly method: string
  readonly lam: number
  /** Mean, least and greatest over the pairs. */
  readonly mean: number
  readonly low: number
  readonly high: number
  /** The same of the loss minus that of vanilla on the same pair; `null` where there is no vanilla. */
  readonly difference: number | null
  readonly differenceLow: number | null
  readonly differenceHigh: number | null
}

/** Read the curves of a study, summarised over its pairs; sums run in a fixed order. */
export function readCurves(results: Results, study: string): Promise<CurveRow[]> {
  return results.query<CurveRow>(
    `with own as (select * from curve where study = $1),
     vanilla as (select variant, pair, lam, loss as vanilla_loss from own where method = 'vanilla')
     select variant, method, lam,
            avg(loss order by pair) as mean, min(loss) as low, max(loss) as high,
            avg(loss - vanilla_loss order by pair) as difference,
            min(loss - vanilla_loss) as "differenceLow", max(loss - vanilla_loss) as "differenceHigh"
     from own left join vanilla using (variant, pair, lam)
     group by variant, method, lam order by variant, method, lam`,
    [study],
  )
}

/** What a panel shows of a row. */
interface Measure {
  readonly label: string
  readonly height: number
  readonly of: (row: CurveRow) => { readonly y: number; readonly low: number; readonly high: number }
}

const lossOf = ({ mean, low, high }: CurveRow) => ({ y: mean, low, high })

const difference: Measure = {
  label: 'loss minus that of vanilla (nats)',
  height: 230,
  of: (row) => ({ y: row.difference!, low: row.differenceLow!, high: row.differenceHigh! }),
}

/** Draw loss over λ: one line for each method, its mean over the pairs, in a band from the least to the greatest pair.
 *
 *  A study of one variant has a second panel, of the differences to vanilla pair by pair, which are far smaller than
 *  the loss changes along the line.
 *
 *  @param rows In the order of λ within a method; one panel for each variant, in the order of its first row.
 */
export function drawLossCurves(rows: readonly CurveRow[], study: StudyDescription): DrawnFigure {
  const variants = groupRows(rows, ({ variant }) => variant)
  const methods = [...new Set(rows.map(({ method }) => method))]
  const several = variants.length > 1
  const loss: Measure = { label: lossLabel(study), height: 290, of: lossOf }
  const columns = several ? Math.min(variants.length, 3) : 1
  const width = several ? Math.floor((pageWidth - 24 - 14 * (columns - 1)) / columns) : columnWidth - 24
  const styles = methodStyles(study.methods)
  const entries = methods.map((method) => ({ label: methodLabel(method, study), style: styles.get(method)! }))
  const compared = rows.filter((row) => row.method !== 'vanilla' && row.difference !== null)
  const panels = variants.map(([variant, own]) => ({
    ...(several ? { heading: variant } : {}),
    drawing: panel(own, loss, styles, { width, domain: extent(rows, loss) }),
  }))
  if (!several && compared.length > 0) {
    const [low, high] = extent(compared, difference)
    const domain: [number, number] = [Math.min(0, low), Math.max(0, high)]
    panels.push({ drawing: panel(compared, difference, styles, { width, domain }) })
  }
  const band = study.pairs > 1 ? ` Lines: mean over ${pairsOfModels(study)}; bands: smallest to largest pair.` : ''
  return composeFigure({
    title: `Loss along the line between two models, by alignment method${several ? ' and setting' : ''}`,
    caption:
      `Study ${study.study}: losses on ${evaluatedOn(study)}, features matched on ${matchedOn(study)}.` +
      `${band}${brokenNote(study)}`,
    legend: legend(entries, columns * width + 14 * (columns - 1)),
    columns,
    panels,
  })
}

function extent(rows: readonly CurveRow[], measure: Measure): [number, number] {
  return bandExtent(rows.map(measure.of))
}

function panel(
  rows: readonly CurveRow[],
  measure: Measure,
  styles: ReturnType<typeof methodStyles>,
  { width, domain }: { readonly width: number; readonly domain: [number, number] },
): Drawing {
  const lines = groupRows(rows, ({ method }) => method).map(([method, own]) => ({
    style: styles.get(method)!,
    points: own.map((row) => ({ x: row.lam, ...measure.of(row) })),
  }))
  return curvePanel(lines, { width, height: measure.height, label: measure.label, domain })
}
