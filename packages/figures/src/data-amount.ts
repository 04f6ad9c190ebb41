import { leaderboard, type Results } from '@isthmus/results'
import * as Plot from '@observablehq/plot'
import { columnWidth, composeFigure, type DrawnFigure } from './compose-figure.ts'
import { groupRows } from './group-rows.ts'
import { dotMark, legend, lineMark } from './legend.ts'
import { type MethodStyle, methodStyles } from './method-styles.ts'
import { type Drawing, plotMarkup } from './plot-markup.ts'
import { brokenNote, evaluatedOn, methodLabel, pairsOfModels, type StudyDescription } from './study-description.ts'

/** The barrier of one method with features matched on a part of the text. In nats. */
export interface DataAmountRow extends Estimate {
  readonly method: string
  /** Of the sampled text, in (0, 1]. */
  readonly fraction: number
  /** The barrier minus that of vanilla, pair by pair; `null` where there is no vanilla. */
  readonly difference: Estimate | null
}

interface Estimate {
  /** Mean over the pairs. */
  readonly value: number
  /** 95 % interval by jackknife over models; `null` under three models. */
  readonly low: number | null
  readonly high: number | null
}

/** Read the barriers of a study by the fraction of text; none where the study does not sweep it. */
export async function readDataAmount(results: Results, study: string): Promise<DataAmountRow[]> {
  const [swept] = await results.query<{ swept: boolean }>(
    `select bool_or(json_contains(json_keys(settings), '"alignment.fraction"')) as swept
     from curve where study = $1`,
    [study],
  )
  if (swept?.swept !== true) return []
  const rows = await leaderboard(results, { study, by: ['method', 'alignment.fraction'] })
  return rows.map((row) => ({
    method: String(row.method),
    fraction: Number(row['alignment.fraction']),
    value: row.barrier,
    low: row.barrier_low,
    high: row.barrier_high,
    difference:
      row.difference_to_vanilla === null
        ? null
        : { value: row.difference_to_vanilla, low: row.difference_low, high: row.difference_high },
  }))
}

interface Line {
  readonly style: MethodStyle
  readonly points: readonly { readonly x: number; readonly y: number; readonly low: number; readonly high: number }[]
}

/** Draw the barrier over the amount of text on a logarithmic axis, one line for each method.
 *
 *  A second panel has the differences to vanilla pair by pair, whose intervals are far narrower.
 */
export function drawDataAmount(rows: readonly DataAmountRow[], study: StudyDescription): DrawnFigure {
  const methods = groupRows(
    rows.toSorted((a, b) => a.fraction - b.fraction),
    ({ method }) => method,
  ).sort(([a], [b]) => study.methods.indexOf(a) - study.methods.indexOf(b))
  const fractions = [...new Set(rows.map(({ fraction }) => fraction))].sort((a, b) => a - b)
  const styles = methodStyles(study.methods)
  const lines = methods.map(([method, own], index): Line & { readonly differences: Line } => {
    const place = (fraction: number) => fraction * shift(index, methods.length)
    const style = styles.get(method)!
    const compared = method === 'vanilla' ? [] : own.filter(({ difference }) => difference !== null)
    return {
      style,
      points: own.map((row) => point(place(row.fraction), row)),
      differences: { style, points: compared.map((row) => point(place(row.fraction), row.difference!)) },
    }
  })
  const differences = lines.map((line) => line.differences).filter(({ points }) => points.length > 0)
  const interval = rows.some(({ low }) => low !== null)
    ? '; bars: 95 % interval by jackknife over models'
    : '; no interval, which takes three models'
  return composeFigure({
    title: 'Loss barrier by the amount of text on which features are matched',
    caption:
      `Study ${study.study}: losses on ${evaluatedOn(study)}; fraction 1 is all lines sampled from ` +
      `${study.alignmentText}. Lines: mean over ${pairsOfModels(study)}${interval}. Methods are drawn a little apart, ` +
      `to keep their bars apart.${brokenNote(study)}`,
    legend: legend(
      methods.map(([method]) => ({ label: methodLabel(method, study), style: styles.get(method)! })),
      columnWidth - 24,
    ),
    columns: 1,
    panels: [
      { drawing: panel(lines, fractions, 'loss barrier (nats)') },
      ...(differences.length === 0
        ? []
        : [{ drawing: panel(differences, fractions, 'loss barrier minus that of vanilla (nats)') }]),
    ],
  })
}

function panel(lines: readonly Line[], fractions: readonly number[], label: string): Drawing {
  const extent = lines.flatMap(({ points }) => points.flatMap(({ low, high }) => [low, high]))
  return plotMarkup({
    width: columnWidth - 24,
    height: 240,
    marginLeft: 48,
    marginRight: 16,
    marginTop: 24,
    marginBottom: 44,
    style: { fontSize: '12px' },
    x: {
      type: 'log',
      domain: [fractions[0]! / 1.3, fractions.at(-1)! * 1.3],
      ticks: [...fractions],
      tickFormat: String,
      label: 'fraction of the sampled text (log scale)',
      labelAnchor: 'center',
      labelArrow: 'none',
      labelOffset: 38,
    },
    y: {
      domain: [Math.min(0, ...extent), Math.max(0, ...extent)],
      nice: true,
      grid: true,
      ticks: 6,
      label,
      labelArrow: 'none',
    },
    marks: [
      Plot.ruleY([0]),
      ...lines.map(({ points, style }) =>
        Plot.ruleX(points, { x: 'x', y1: 'low', y2: 'high', stroke: style.color, strokeWidth: 1.2 }),
      ),
      ...lines.flatMap(({ points, style }) => [lineMark(points, style), dotMark(points, style)]),
    ],
  })
}

function point(x: number, { value, low, high }: Estimate): Line['points'][number] {
  return { x, y: value, low: low ?? value, high: high ?? value }
}

/** A factor near 1 that sets methods apart on a logarithmic axis. */
function shift(index: number, methods: number): number {
  return 1.06 ** (index - (methods - 1) / 2)
}
