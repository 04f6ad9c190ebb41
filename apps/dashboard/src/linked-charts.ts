import { clauseInterval, clausePoints, Selection } from '@uwdata/mosaic-core'
import { quoteLiteral } from '@isthmus/results/leaderboard-query'
import * as vg from '@uwdata/vgplot'
import { column } from '@uwdata/vgplot'
import { palette } from './curves-chart.ts'

/** What is chosen in linked views; empty or null: everything. */
export interface LinkedChoice {
  readonly methods: readonly string[]
  readonly pairs: readonly string[]
  /** Of barriers, in nats. */
  readonly range: readonly [number, number] | null
}

/** The selections of a study’s linked views, and its charts. */
export interface LinkedCharts {
  readonly method: Selection
  readonly pair: Selection
  readonly range: Selection
  /** What is clicked in the heat map: a method and a pair. */
  readonly cell: Selection
  barriers(width: number): Element
  curves(width: number): Element
  correlations(width: number): Element
  heatMap(width: number): Element
}

/** Build the selections and charts of a study’s variant.
 *
 *  Barriers and the heat map show everything and what of it is chosen; curves and correlations show what is chosen.
 *  @param methods All of them: each keeps its colour.
 */
export function linkedCharts(study: string, variant: string, methods: readonly string[]): LinkedCharts {
  const method = Selection.single()
  const pair = Selection.single()
  const range = Selection.single()
  const cell = Selection.single()
  const all = Selection.intersect({ include: [method, pair, range] })
  const is = (alias: string) => `${alias}study = ${quoteLiteral(study)} and ${alias}variant = ${quoteLiteral(variant)}`
  const barrier = vg.sql`${`(select method, pair, barrier from barrier where ${is('')})`}`
  const curve = vg.sql`${`(select c.method, c.pair, c.method || ' ' || c.pair as line, lam, loss, barrier
    from curve c join barrier b using (study, variant, pair, method) where ${is('c.')} and ${is('b.')})`}`
  const correlation = vg.sql`${`(select a.method, a.pair, barrier, site, layer, mean_diagonal_after as correlation
    from (from alignment semi join current_run using (study, run)) a
    join barrier b using (study, variant, pair, method) join correlation r on r.alignment = a.key
    where ${is('a.')} and ${is('b.')} and layer >= 0)`}`
  const colours = [vg.colorScale('ordinal'), vg.colorDomain(methods), vg.colorRange(palette)]
  const longest = Math.max(...methods.map((name) => name.length))
  const labels = Math.min(170, 16 + 6.2 * longest)
  const height = 60 + 26 * methods.length
  const methodAxis = [vg.yDomain(methods), vg.yLabel(null), vg.marginLeft(labels), vg.yTickFormat(shorten)]

  return {
    method,
    pair,
    range,
    cell,
    barriers: (width) =>
      vg.plot(
        vg.dot(vg.from(barrier as never), { x: 'barrier', y: 'method', fill: 'method', r: 5, fillOpacity: 0.75 }),
        vg.intervalX({ as: range }),
        vg.highlight({ by: all }),
        ...methodAxis,
        ...colours,
        vg.xLabel('barrier, nats'),
        vg.xGrid(true),
        vg.width(width),
        vg.height(height),
      ),
    curves: (width) =>
      vg.plot(
        vg.line(vg.from(curve as never, { filterBy: all }), {
          x: 'lam',
          y: 'loss',
          z: 'line',
          stroke: 'method',
          strokeOpacity: 0.8,
          strokeWidth: 1.25,
        }),
        ...colours,
        vg.xDomain([0, 1]),
        vg.xLabel('λ (1: A, 0: B)'),
        vg.yLabel('loss, nats'),
        vg.yGrid(true),
        vg.marginLeft(44),
        vg.width(width),
        vg.height(Math.max(220, height)),
      ),
    correlations: (width) =>
      vg.plot(
        vg.line(vg.from(correlation as never, { filterBy: all }), {
          x: 'layer',
          y: vg.avg('correlation'),
          z: 'method',
          fx: 'site',
          stroke: 'method',
          sort: 'layer',
          strokeWidth: 1.75,
        }),
        vg.dot(vg.from(correlation as never, { filterBy: all }), {
          x: 'layer',
          y: vg.avg('correlation'),
          fx: 'site',
          fill: 'method',
          r: 3,
        }),
        ...colours,
        vg.xScale('point'),
        vg.xLabel('layer'),
        vg.fxLabel(null),
        vg.yLabel('mean correlation'),
        vg.yGrid(true),
        vg.marginLeft(44),
        vg.width(width),
        vg.height(Math.max(220, height)),
      ),
    heatMap: (width) =>
      vg.plot(
        vg.cell(vg.from(barrier as never), { x: 'pair', y: 'method', fill: vg.avg('barrier'), inset: 0.5 }),
        vg.toggle({ as: cell, channels: ['x', 'y'] }),
        vg.highlight({ by: all }),
        ...methodAxis,
        vg.colorScheme('ylgnbu'),
        vg.xLabel(null),
        vg.xTickRotate(-35),
        vg.marginBottom(76),
        vg.width(width),
        vg.height(height + 50),
      ),
  }
}

const longestTick = 24

function shorten(text: string): string {
  return text.length <= longestTick ? text : `…${text.slice(1 - longestTick)}`
}

/** Choose values of a column; none: all. */
export function chooseValues(selection: Selection, field: string, values: readonly string[], source: object): void {
  const points = values.length === 0 ? null : values.map((value) => [value])
  selection.update(clausePoints([column(field)], points, { source, clients: new Set() }))
}

/** Choose a range of barriers; null: all. */
export function chooseRange(selection: Selection, range: LinkedChoice['range'], source: object): void {
  selection.update(clauseInterval(column('barrier'), range === null ? null : [...range], { source, clients: new Set() }))
}
