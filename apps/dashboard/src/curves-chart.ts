import * as vg from '@uwdata/vgplot'
import type { Row } from './server.ts'

/** A point of a curve, and the line that it is of. */
export interface CurvePoint extends Row {
  readonly line: string
  readonly colour: string
  readonly lam: number
  readonly loss: number
}

/** Colours of marks, the same on light and dark. */
export const palette = [
  '#4269d0',
  '#e08a12',
  '#e0446a',
  '#2f9e8f',
  '#3ca951',
  '#d277b8',
  '#9467d6',
  '#5aa7e8',
  '#9c6b4e',
  '#8a93a0',
]

/** Losses against λ, one line a result.
 *
 *  @param colours What lines are coloured by, in the order of the palette; empty: one colour.
 */
export function curvesChart(all: readonly CurvePoint[], colours: readonly string[], width: number): Element {
  // What is not a number, as of a model that diverged, has no place.
  const points = all.filter(({ loss }) => Number.isFinite(loss))
  const isThick = new Set(points.map(({ line }) => line)).size <= 12
  return vg.plot(
    vg.line(points, {
      x: 'lam',
      y: 'loss',
      z: 'line',
      stroke: 'colour',
      strokeWidth: isThick ? 1.75 : 1,
      strokeOpacity: isThick ? 1 : 0.7,
    }),
    ...(isThick
      ? [vg.dot(points, { x: 'lam', y: 'loss', fill: 'colour', r: 2, tip: { format: { fill: false } } })]
      : []),
    vg.colorDomain(colours),
    vg.colorRange(palette),
    vg.colorScale('ordinal'),
    vg.xLabel('λ (1: A, 0: B)'),
    vg.yLabel('loss, nats'),
    vg.yGrid(true),
    vg.xDomain([0, 1]),
    vg.marginLeft(44),
    vg.width(width),
    vg.height(Math.round(Math.max(220, Math.min(380, width * 0.5)))),
  )
}
