import * as Plot from '@observablehq/plot'
import type { MethodStyle } from './method-styles.ts'
import { type Drawing, plotMarkup } from './plot-markup.ts'
import { textWidth } from './svg-text.ts'

/** A sample of how something is drawn, with what it is. */
export interface LegendEntry {
  readonly label: string
  readonly style: MethodStyle
  /** Draw the marker alone, where the figure has no line. */
  readonly markerOnly?: boolean
}

const sampleWidth = 32
const rowHeight = 19
const gap = 14
const fontSize = 12

/** Draw a legend in as many rows as its entries need. */
export function legend(entries: readonly LegendEntry[], width: number): Drawing {
  const items = layOut(entries, width)
  const height = rowHeight * (1 + Math.max(0, ...items.map(({ row }) => row)))
  return plotMarkup({
    width,
    height,
    margin: 0,
    axis: null,
    x: { type: 'identity' },
    y: { type: 'identity' },
    style: { fontSize: `${fontSize}px` },
    marks: items.flatMap(({ entry, x, row }) => {
      const y = rowHeight * (row + 0.5)
      return [
        ...(entry.markerOnly
          ? []
          : [
              lineMark(
                [
                  { x, y },
                  { x: x + sampleWidth, y },
                ],
                entry.style,
              ),
            ]),
        dotMark([{ x: x + sampleWidth / 2, y }], entry.style),
        Plot.text([entry.label], { x: x + sampleWidth + 6, y, textAnchor: 'start', fontSize }),
      ]
    }),
  })
}

/** A line through points `x`, `y`, in a style. */
export function lineMark(points: readonly object[], style: MethodStyle, width = 1.8): Plot.Markish {
  return Plot.lineY([...points], {
    x: 'x',
    y: 'y',
    stroke: style.color,
    strokeWidth: width,
    strokeDasharray: style.dash,
    strokeLinecap: 'butt',
  })
}

/** Markers at points `x`, `y`, in a style. */
export function dotMark(points: readonly object[], style: MethodStyle, radius = 4): Plot.Markish {
  return Plot.dot([...points], {
    x: 'x',
    y: 'y',
    symbol: style.symbol,
    r: radius,
    fill: style.filled ? style.color : 'white',
    stroke: style.color,
    strokeWidth: 1.4,
  })
}

/** Rows of columns, as many as fit. */
function layOut(entries: readonly LegendEntry[], width: number) {
  const column = sampleWidth + 6 + gap + Math.max(...entries.map(({ label }) => textWidth(label, fontSize)))
  const columns = Math.max(1, Math.floor((width + gap) / column))
  return entries.map((entry, index) => ({
    entry,
    x: (index % columns) * column,
    row: Math.floor(index / columns),
  }))
}
