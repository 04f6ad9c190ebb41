import { leaderboard, published, type Results } from '@isthmus/results'
import * as Plot from '@observablehq/plot'
import { columnWidth, composeFigure, type DrawnFigure } from './compose-figure.ts'
import { groupRows } from './group-rows.ts'
import { legend } from './legend.ts'
import type { MethodStyle } from './method-styles.ts'
import { type Drawing, plotMarkup } from './plot-markup.ts'
import {
  brokenNote,
  evaluatedOn,
  matchedOn,
  methodLabel,
  pairsOfModels,
  type StudyDescription,
} from './study-description.ts'
import { textWidth } from './svg-text.ts'

/** The barrier of one method, and the published one where there is one. In nats. */
export interface BarrierRow {
  readonly variant: string
  readonly method: string
  readonly barrier: number
  /** 95 % interval by jackknife over models; `null` under three models. */
  readonly low: number | null
  readonly high: number | null
  readonly published: number | null
  readonly publishedStderr: number | null
}

/** Read the barriers of a study, lowest first within a variant. */
export async function readBarriers(results: Results, study: string): Promise<BarrierRow[]> {
  const [rows, theirs] = [await leaderboard(results, { study }), await published(results, study)]
  return rows.map((row) => {
    const match = theirs.find(({ method }) => method === row.method)
    return {
      variant: String(row.variant),
      method: String(row.method),
      barrier: row.barrier,
      low: row.barrier_low,
      high: row.barrier_high,
      published: match?.barrier ?? null,
      publishedStderr: match?.stderr ?? null,
    }
  })
}

const ours: MethodStyle = { color: '#0072b2', dash: 'none', symbol: 'circle', filled: true }
const theirs: MethodStyle = { color: '#b0541a', dash: '3 2', symbol: 'diamond', filled: false }
const rightOfFrame = { frameAnchor: 'right', dx: 44, textAnchor: 'end', fontSize: 12 } as const
const rowHeight = 40
/** Of a label on one line, in pixels. */
const longestLabel = 190
/** How far the published value stands under ours, in rows. */
const publishedOffset = 0.38

/** Draw the barrier of each method as a dot in its interval, lowest on top, with the published one under it. */
export function drawBarriers(rows: readonly BarrierRow[], study: StudyDescription): DrawnFigure {
  const variants = groupRows(rows, ({ variant }) => variant)
  const extent = rows.flatMap(({ barrier, low, high, published, publishedStderr }) => [
    barrier,
    low ?? barrier,
    high ?? barrier,
    ...(published === null ? [] : [published - (publishedStderr ?? 0), published + (publishedStderr ?? 0)]),
  ])
  const domain: [number, number] = [Math.min(0, ...extent), Math.max(...extent)]
  const anyPublished = rows.some(({ published }) => published !== null)
  const interval = rows.some(({ low }) => low !== null)
    ? ', with its 95 % interval by jackknife over models'
    : '; no interval, which takes three models'
  return composeFigure({
    title: 'Loss barriers by alignment method',
    caption:
      `Study ${study.study}: ${pairsOfModels(study)}, losses on ${evaluatedOn(study)}, features matched on ` +
      `${matchedOn(study)}. Dots: mean over the pairs of the largest loss between two models, less the mean of their ` +
      `own losses${interval}.` +
      (anyPublished ? ' Published: Verma & Elbayad (2024), MultiBERTs on WikiText-103, ± 1 standard error.' : '') +
      brokenNote(study),
    ...(anyPublished
      ? {
          legend: legend(
            [
              { label: 'measured here', style: ours },
              { label: 'published', style: theirs },
            ],
            columnWidth - 24,
          ),
        }
      : {}),
    columns: 1,
    panels: variants.map(([variant, own]) => ({
      ...(variants.length > 1 ? { heading: variant } : {}),
      drawing: panel(own, study, domain),
    })),
  })
}

function panel(rows: readonly BarrierRow[], study: StudyDescription, domain: [number, number]): Drawing {
  const labels = rows.map(({ method }) => twoLines(methodLabel(method, study)))
  const placed = rows.map((row, y) => ({ ...row, y }))
  const beside = placed.filter(({ published }) => published !== null)
  return plotMarkup({
    width: columnWidth - 24,
    height: rowHeight * rows.length + 46,
    marginLeft: 12 + Math.max(...labels.flat().map((line) => textWidth(line, 12))),
    marginRight: 48,
    marginTop: 4,
    marginBottom: 42,
    style: { fontSize: '12px' },
    x: {
      domain,
      nice: true,
      grid: true,
      label: 'loss barrier (nats)',
      labelAnchor: 'center',
      labelArrow: 'none',
      labelOffset: 36,
    },
    y: { domain: [rows.length - 0.5, -0.5], axis: null },
    marks: [
      Plot.axisY(
        placed.map(({ y }) => y),
        { tickFormat: (_, index) => labels[index]!.join('\n'), tickSize: 0, label: null },
      ),
      Plot.ruleX([0]),
      Plot.ruleY(
        placed.filter(({ low }) => low !== null),
        { y: 'y', x1: 'low', x2: 'high', stroke: ours.color, strokeWidth: 2 },
      ),
      Plot.dot(placed, { x: 'barrier', y: 'y', r: 4.5, fill: ours.color }),
      Plot.text(placed, { text: ({ barrier }) => barrier.toFixed(2), y: 'y', ...rightOfFrame }),
      Plot.text(beside, {
        text: ({ published }) => published!.toFixed(2),
        y: ({ y }) => y + publishedOffset,
        fill: theirs.color,
        ...rightOfFrame,
      }),
      Plot.ruleY(beside, {
        y: ({ y }) => y + publishedOffset,
        x1: ({ published, publishedStderr }) => published! - publishedStderr!,
        x2: ({ published, publishedStderr }) => published! + publishedStderr!,
        stroke: theirs.color,
        strokeWidth: 1.6,
        strokeDasharray: theirs.dash,
      }),
      Plot.dot(beside, {
        x: 'published',
        y: ({ y }) => y + publishedOffset,
        symbol: theirs.symbol,
        r: 4,
        fill: 'white',
        stroke: theirs.color,
      }),
    ],
  })
}

/** A method's name, a long one broken before one of its parts. */
function twoLines(label: string): string[] {
  const parts = label.split(/(?=\+)/)
  if (parts.length < 2 || textWidth(label, 12) < longestLabel) return [label]
  const breaks = parts.slice(1).map((_, index) => [parts.slice(0, index + 1).join(''), parts.slice(index + 1).join('')])
  const longer = (lines: readonly string[]) => Math.max(...lines.map((line) => textWidth(line, 12)))
  return breaks.reduce((best, lines) => (longer(lines) < longer(best) ? lines : best))
}
