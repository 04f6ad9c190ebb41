import type { Results } from '@isthmus/results'
import * as Plot from '@observablehq/plot'
import { columnWidth, composeFigure, type DrawnFigure, pageWidth } from './compose-figure.ts'
import { groupRows } from './group-rows.ts'
import { dotMark, legend, lineMark } from './legend.ts'
import { type MethodStyle, methodStyles } from './method-styles.ts'
import { type Drawing, plotMarkup } from './plot-markup.ts'
import { brokenNote, matchedOn, methodLabel, pairsOfModels, type StudyDescription } from './study-description.ts'

/** The mean correlation of matched features at one place of the models, over the pairs of a study. */
export interface LayerRow {
  /** Swept settings; empty where the study sweeps none. */
  readonly variant: string
  readonly method: string
  readonly site: string
  /** −1 outside the layers. */
  readonly layer: number
  readonly before: number
  readonly after: number
  /** Least and greatest of `after` over the pairs. */
  readonly low: number
  readonly high: number
}

/** Read the correlations of a study's alignments: of one that sweeps settings, those of its last variant by name. */
export function readLayers(results: Results, study: string): Promise<LayerRow[]> {
  return results.query<LayerRow>(
    `with own as (
       select * from alignment semi join current_run using (study, run) where study = $1
     )
     select variant, method, site, layer, avg(mean_diagonal_before order by pair) as before,
            avg(mean_diagonal_after order by pair) as after,
            min(mean_diagonal_after) as low, max(mean_diagonal_after) as high
     from own join correlation on own.key = correlation.alignment
     where variant = (select max(variant) from own)
     group by variant, method, site, layer order by method, site, layer`,
    [study],
  )
}

const beforeStyle: MethodStyle = { color: '#777777', dash: '1.5 2.5', symbol: 'circle', filled: false }

interface Series {
  readonly label: string
  readonly rows: readonly LayerRow[]
}

/** Draw the mean correlation of matched features over the layers: before alignment, and after it by each method.
 *
 *  Methods that match the features of a site alike are one line there, named by what they have in common.
 */
export function drawCorrelationByLayer(rows: readonly LayerRow[], study: StudyDescription): DrawnFigure {
  const sites = groupRows(rows, ({ site }) => site)
  const series = new Map(sites.map(([site, own]) => [site, distinctSeries(own, study)]))
  const labels = [...new Set([...series.values()].flat().map(({ label }) => label))].sort()
  const styles = methodStyles(
    study.methods.map((method) => methodLabel(method, study)),
    labels,
  )
  const columns = sites.length === 4 ? 2 : Math.min(sites.length, 3)
  const width = sites.length === 1 ? columnWidth - 24 : Math.floor((pageWidth - 24 - 14 * (columns - 1)) / columns)
  const values = rows.flatMap(({ before, low, high }) => [before, low, high]).filter(Number.isFinite)
  const domain: [number, number] = [Math.min(0, ...values), Math.max(...values)]
  const variant = rows[0]!.variant === '' ? '' : `, ${rows[0]!.variant}`
  return composeFigure({
    title: 'Correlation of matched features by layer, before and after alignment',
    caption:
      `Study ${study.study}${variant}: mean over the features of a layer of the correlation between a feature of A and the feature ` +
      `of B that is matched with it, on ${matchedOn(study)}. Lines: mean over ${pairsOfModels(study)}; bands: smallest ` +
      `to largest pair.${brokenNote(study)}`,
    legend: legend(
      [
        { label: 'before alignment', style: beforeStyle },
        ...labels.map((label) => ({ label, style: styles.get(label)! })),
      ],
      columns * width + 14 * (columns - 1),
    ),
    columns,
    panels: sites.map(([site]) => ({
      heading: siteNames[site] ?? site,
      drawing: panel(series.get(site)!, styles, { width, domain }),
    })),
  })
}

const siteNames: Readonly<Record<string, string>> = {
  ffn: 'feed-forward',
  attention: 'attention',
  queryKey: 'query and key',
  residual: 'residual stream',
  mlmHead: 'language-model head',
  pooler: 'pooler',
}

/** One series for each set of methods that give the same correlations. */
function distinctSeries(rows: readonly LayerRow[], study: StudyDescription): Series[] {
  const methods = groupRows(rows, ({ method }) => method)
  const alike = groupRows(methods, ([, own]) => JSON.stringify(own.map(({ layer, after }) => [layer, after])))
  return alike.map(([, group]) => ({
    label: methodLabel(inCommon(group.map(([method]) => method)), study),
    rows: group[0]![1],
  }))
}

/** The parts that some methods share: `ffn` of `ffn` and `ffn+attention/identity`, `ffn+attention/head-perm` of that
 *  and `ffn+attention/head-perm/qk`. Where they share none, those that are no other's with an option more. */
function inCommon(methods: readonly string[]): string {
  const [first, ...others] = methods.map((method) => method.split('+').map((part) => part.split('/')))
  const shared = first!.map((part) =>
    others.reduce(
      (common, parts) => sharedStart(common, parts.find(([component]) => component === part[0]) ?? []),
      part,
    ),
  )
  const kept = shared.filter((part, index) => part.length >= Math.min(2, first![index]!.length))
  if (kept.length > 0) return kept.map((part) => part.join('/')).join('+')
  return methods.filter((method) => !methods.some((other) => method.startsWith(`${other}/`))).join(', ')
}

function sharedStart(one: readonly string[], other: readonly string[]): string[] {
  const end = one.findIndex((segment, index) => segment !== other[index])
  return end === -1 ? [...one] : one.slice(0, end)
}

function panel(
  series: readonly Series[],
  styles: ReadonlyMap<string, MethodStyle>,
  { width, domain }: { readonly width: number; readonly domain: [number, number] },
): Drawing {
  const layers = [...new Set(series.flatMap(({ rows }) => rows.map(({ layer }) => layer)))].sort((a, b) => a - b)
  const step = Math.ceil(layers.length / 12)
  const before = series[0]!.rows.map(({ layer, before: y }) => ({ x: layer, y }))
  const lines = series.map(({ label, rows }) => ({
    style: styles.get(label)!,
    rows,
    points: rows.map(({ layer, after }) => ({ x: layer, y: after })),
  }))
  return plotMarkup({
    width,
    height: 260,
    marginLeft: 44,
    marginRight: 12,
    marginTop: 24,
    marginBottom: 44,
    style: { fontSize: '12px' },
    x: {
      domain: [layers[0]! - 0.25, layers.at(-1)! + 0.25],
      ticks: layers.filter((_, index) => index % step === 0),
      tickFormat: (layer: number) => (layer === -1 ? 'emb.' : String(layer)),
      label: 'layer',
      labelAnchor: 'center',
      labelArrow: 'none',
      labelOffset: 38,
    },
    y: { domain, nice: true, grid: true, label: 'mean correlation', labelArrow: 'none' },
    marks: [
      Plot.ruleY([0]),
      ...lines.map(({ rows, style }) =>
        Plot.areaY(rows, { x: 'layer', y1: 'low', y2: 'high', fill: style.color, fillOpacity: 0.12 }),
      ),
      lineMark(before, beforeStyle),
      dotMark(before, beforeStyle, 3),
      ...lines.flatMap(({ points, style }) => [lineMark(points, style), dotMark(points, style)]),
    ],
  })
}
