import { quoteLiteral } from '@isthmus/results/leaderboard-query'
import { clauseInterval, clausePoints, Selection } from '@uwdata/mosaic-core'
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

/** The charts of a study’s linked views. */
export interface LinkedCharts {
  barriers(width: number): Element
  curves(width: number): Element
  correlations(width: number): Element
  heatMap(width: number): Element
  /** Show what is chosen. */
  choose(choice: LinkedChoice): void
  /** What is dragged over: a range of barriers. */
  readonly brush: Selection
  /** What is clicked: a pair and a method. */
  readonly cell: Selection
}

/** Make the charts of a study’s variant.
 *
 *  Barriers and the heat map show everything and what of it is chosen; curves and correlations show what is chosen.
 *  @param methods All of them: each keeps its colour.
 */
export function linkedCharts(study: string, variant: string, methods: readonly string[]): LinkedCharts {
  const brush = Selection.single()
  const cell = Selection.single()
  const chosen = Selection.intersect()
  const is = (alias: string) => `${alias}study = ${quoteLiteral(study)} and ${alias}variant = ${quoteLiteral(variant)}`
  const barrier = vg.sql`${`(select method, pair, barrier from barrier where ${is('')} and isfinite(barrier))`}`
  const curve = vg.sql`${`(select c.method, c.pair, c.method || ' ' || c.pair as line, lam, loss, barrier
    from curve c join barrier b using (study, variant, pair, method) where ${is('c.')} and ${is('b.')} and isfinite(loss))`}`
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
    brush,
    cell,
    choose(choice) {
      // What was dragged over or clicked, and is not chosen any more, is not to be seen either.
      if (choice.range === null) brush.reset()
      if (choice.methods.length === 0 && choice.pairs.length === 0) cell.reset()
      choose(chosen, choice)
    },
    barriers: (width) =>
      vg.plot(
        vg.dot(vg.from(barrier as never), {
          x: 'barrier',
          y: 'method',
          fill: 'method',
          r: 5,
          fillOpacity: 0.75,
          channels: { pair: 'pair' },
          tip: { format: { fill: false } },
        }),
        vg.intervalX({ as: brush }),
        vg.highlight({ by: chosen }),
        ...methodAxis,
        ...colours,
        vg.xLabel('barrier, nats'),
        vg.xInset(8),
        vg.xTickSpacing(50),
        vg.xGrid(true),
        vg.width(width),
        vg.height(height),
      ),
    curves: (width) =>
      vg.plot(
        vg.line(vg.from(curve as never, { filterBy: chosen }), {
          x: 'lam',
          y: 'loss',
          z: 'line',
          orderby: 'lam',
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
        vg.line(vg.from(correlation as never, { filterBy: chosen }), {
          x: 'layer',
          y: vg.avg('correlation'),
          z: 'method',
          fx: 'site',
          stroke: 'method',
          orderby: 'layer',
          strokeWidth: 1.75,
        }),
        vg.dot(vg.from(correlation as never, { filterBy: chosen }), {
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
        vg.marginTop(36),
        vg.yGrid(true),
        vg.marginLeft(44),
        vg.width(width),
        vg.height(Math.max(220, height)),
      ),
    heatMap: (width) =>
      vg.plot(
        vg.cell(vg.from(barrier as never), {
          x: 'pair',
          y: 'method',
          fill: 'barrier',
          stroke: 'currentColor',
          strokeOpacity: 0.25,
          tip: { format: { stroke: false } },
        }),
        vg.toggle({ as: cell, channels: ['x', 'y'] }),
        vg.highlight({ by: chosen }),
        ...methodAxis,
        vg.colorScheme('ylgnbu'),
        vg.colorLabel('barrier, nats'),
        vg.colorLegend({ width: 180 }),
        vg.xLabel(null),
        vg.xTickRotate(-35),
        vg.marginTop(6),
        vg.marginBottom(76),
        vg.width(width),
        vg.height(height + 36),
      ),
  }
}

const longestTick = 24

function shorten(text: string): string {
  return text.length <= longestTick ? text : `…${text.slice(1 - longestTick)}`
}

/** Have a selection hold nothing but the rows that are chosen. */
function choose(selection: Selection, { methods, pairs, range }: LinkedChoice): void {
  const points = (values: readonly string[]) => (values.length === 0 ? null : values.map((value) => [value]))
  const clients = new Set<never>()
  selection.update(clausePoints([column('method')], points(methods), { source: sources.methods, clients }))
  selection.update(clausePoints([column('pair')], points(pairs), { source: sources.pairs, clients }))
  selection.update(
    clauseInterval(column('barrier'), range === null ? null : [...range], { source: sources.range, clients }),
  )
}

/** Of two clauses of one source Mosaic keeps the later. */
const sources = { methods: {}, pairs: {}, range: {} }
