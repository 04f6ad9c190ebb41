import * as Plot from '@observablehq/plot'
import { dotMark, lineMark } from './legend.ts'
import type { MethodStyle } from './method-styles.ts'
import { type Drawing, plotMarkup } from './plot-markup.ts'

/** A value over λ, in a band from the lowest to the highest of what it is the mean of. */
export interface BandPoint {
  readonly x: number
  readonly y: number
  readonly low: number
  readonly high: number
}

export interface BandLine {
  readonly style: MethodStyle
  readonly points: readonly BandPoint[]
}

export interface CurvePanelOptions {
  readonly width: number
  readonly height: number
  /** Of the vertical axis. */
  readonly label: string
  readonly domain: readonly [number, number]
}

/** The least and greatest of bands. */
export function bandExtent(bands: readonly Pick<BandPoint, 'low' | 'high'>[]): [number, number] {
  return [Math.min(...bands.map(({ low }) => low)), Math.max(...bands.map(({ high }) => high))]
}

/** Draw lines with their bands over λ. */
export function curvePanel(lines: readonly BandLine[], { width, height, label, domain }: CurvePanelOptions): Drawing {
  return plotMarkup({
    width,
    height,
    marginLeft: 48,
    marginRight: 12,
    marginTop: 24,
    marginBottom: 44,
    style: { fontSize: '12px' },
    x: {
      domain: [0, 1],
      ticks: width > 300 ? 6 : 3,
      label: 'λ (0: model B, 1: model A)',
      labelAnchor: 'center',
      labelArrow: 'none',
      labelOffset: 38,
    },
    y: { domain, nice: true, grid: true, ticks: 6, label, labelArrow: 'none' },
    marks: [
      ...(domain[0] <= 0 ? [Plot.ruleY([0])] : []),
      ...lines.map(({ points, style }) =>
        Plot.areaY([...points], { x: 'x', y1: 'low', y2: 'high', fill: style.color, fillOpacity: 0.08 }),
      ),
      ...lines.map(({ points, style }) => lineMark(points, style)),
      ...lines.map(({ points, style }, index) => dotMark(marked(points, index, lines.length), style, 3.4)),
    ],
  })
}

/** Some of the points of a line, at least four where it has them, and other ones than its neighbours', so that
 *  markers do not hide one another. */
function marked<Point>(points: readonly Point[], index: number, lines: number): Point[] {
  const step = Math.max(1, Math.min(lines, Math.floor(points.length / 4)))
  return points.filter((_, i) => i % step === index % step)
}
