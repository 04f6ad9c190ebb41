import * as Plot from '@observablehq/plot'
import { composeFigure, type DrawnFigure } from './compose-figure.ts'
import { correlationColor } from './correlation-scale.ts'
import { indexedPng } from './indexed-png.ts'
import { type Drawing, plotMarkup } from './plot-markup.ts'

/** The correlation of two models' features at one attention layer, and how a method matched them. */
export interface AttentionCorrelation {
  readonly study: string
  readonly modelA: string
  readonly modelB: string
  readonly layer: number
  readonly method: string
  readonly heads: number
  /** The text on which features were correlated, and how many tokens they were. */
  readonly text: string
  readonly tokens: number
  /** C `[size, size]`, row by row: a row is a feature of A, a column one of B. */
  readonly matrix: ArrayLike<number>
  readonly size: number
  /** π `[size]`: the feature of B that is matched with each feature of A. */
  readonly permutation: ArrayLike<number>
}

const side = 296
const margin = { left: 48, right: 8, top: 6, bottom: 46 }
const levels = 255
/** The share of correlations that the colour scale must span; the few beyond it have the colour of its end. */
const spanned = 0.9995

/** Draw a correlation matrix before and after alignment, with the boundaries of the heads. */
export function drawCorrelationHeatmap(correlation: AttentionCorrelation): DrawnFigure {
  const { study, modelA, modelB, layer, method, heads, text, tokens, size, permutation } = correlation
  const limit = scaleLimit(correlation.matrix)
  const after = permuteColumns(correlation)
  const legend = colorLegend(limit)
  const sources = headSources(permutation, size, heads)
  const panels = [
    { heading: `before: ${modelB} as it is`, matrix: correlation.matrix, order: sources.map((_, head) => [head]) },
    { heading: `after: ${modelB} permuted`, matrix: after, order: sources },
  ]
  return composeFigure({
    title: `Correlation of attention features of ${modelA} and ${modelB} in layer ${layer}, before and after alignment`,
    caption:
      `Study ${study}: ${size} features in ${heads} heads, correlated on ${tokens.toLocaleString('en-US')} tokens of ` +
      `${text}; permuted by ${method}. Lines are boundaries of heads. Mean of the diagonal: ${meanDiagonal(correlation.matrix, size)} before, ` +
      `${meanDiagonal(after, size)} after.` +
      (sources.some((heads) => heads.length > 1) ? ` Features are matched across heads.` : ''),
    legend,
    columns: 2,
    panels: panels.map(({ heading, matrix, order }) => ({
      heading,
      drawing: heatmap(matrix, size, order, limit, [modelA, modelB]),
    })),
  })
}

/** C with its columns in the order of π: entry (i, j) is C(i, π(j)). */
function permuteColumns({ matrix, size, permutation }: AttentionCorrelation): Float64Array {
  return Float64Array.from(
    { length: size * size },
    (_, place) => matrix[place - (place % size) + permutation[place % size]!]!,
  )
}

function heatmap(
  matrix: ArrayLike<number>,
  size: number,
  order: readonly (readonly number[])[],
  limit: number,
  [modelA, modelB]: readonly [string, string],
): Drawing {
  const heads = order.length
  const headSize = size / heads
  const boundaries = Array.from({ length: heads - 1 }, (_, head) => (head + 1) * headSize)
  const centres = Array.from({ length: heads }, (_, head) => (head + 0.5) * headSize)
  const headOf = (centre: number) => Math.floor(centre / headSize)
  const columnLabel = (centre: number) => (order[headOf(centre)]!.length > 1 ? '·' : String(order[headOf(centre)]![0]))
  const boundary = { stroke: '#1a1a1a', strokeWidth: 0.8 }
  return plotMarkup({
    width: side + margin.left + margin.right,
    height: side + margin.top + margin.bottom,
    marginLeft: margin.left,
    marginRight: margin.right,
    marginTop: margin.top,
    marginBottom: margin.bottom,
    style: { fontSize: '12px' },
    x: { domain: [0, size], axis: null },
    y: { domain: [size, 0], axis: null },
    marks: [
      Plot.image([0], {
        x: size / 2,
        y: size / 2,
        width: side,
        height: side,
        src: () => matrixImage(matrix, size, limit),
        preserveAspectRatio: 'none',
        imageRendering: 'pixelated',
      }),
      Plot.ruleX(boundaries, boundary),
      Plot.ruleY(boundaries, boundary),
      Plot.frame({ stroke: '#1a1a1a' }),
      Plot.axisX(centres, {
        tickFormat: columnLabel,
        tickSize: 0,
        label: `heads of ${modelB}`,
        ...alongAxis,
        labelOffset: 36,
      }),
      Plot.axisY(centres, {
        tickFormat: (centre: number) => String(headOf(centre)),
        tickSize: 0,
        label: `heads of ${modelA}`,
        ...alongAxis,
        labelOffset: 38,
      }),
    ],
  })
}

const alongAxis = { labelAnchor: 'center', labelArrow: 'none' } as const

/** The matrix as a PNG of one pixel a feature pair, in a data URL. */
function matrixImage(matrix: ArrayLike<number>, size: number, limit: number): string {
  const palette = Array.from({ length: levels }, (_, level) => correlationColor((2 * level) / (levels - 1) - 1))
  const pixels = Uint8Array.from(matrix, (value) => {
    const clamped = Math.max(-1, Math.min(1, value / limit))
    return Math.round(((clamped + 1) / 2) * (levels - 1))
  })
  return `data:image/png;base64,${indexedPng(pixels, size, palette).toString('base64')}`
}

function colorLegend(limit: number): Drawing {
  const width = 2 * (side + margin.left + margin.right) + 14
  const [left, right] = [width / 2 - 170, width / 2 + 170]
  const levelsShown = 68
  const cells = Array.from({ length: levelsShown }, (_, index) => {
    const [from, to] = [index, index + 1].map((edge) => ((2 * edge) / levelsShown - 1) * limit) as [number, number]
    return { from, to, color: `rgb(${correlationColor((from + to) / 2 / limit).join(',')})` }
  })
  return plotMarkup({
    width,
    height: 46,
    marginLeft: left,
    marginRight: width - right,
    marginTop: 14,
    marginBottom: 20,
    style: { fontSize: '12px' },
    x: { domain: [-limit, limit], label: null, ticks: 5, tickFormat: (value: number) => legendTick(value, limit) },
    y: { axis: null, domain: [0, 1] },
    marks: [
      Plot.rect(cells, { x1: 'from', x2: 'to', y1: 0, y2: 1, fill: 'color', inset: -0.2 }),
      Plot.frame({ stroke: '#1a1a1a' }),
      Plot.text(['correlation'], { frameAnchor: 'top', dy: -14, fontSize: 12 }),
    ],
  })
}

function legendTick(value: number, limit: number): string {
  const text = `${value < 0 ? '−' : ''}${Math.abs(value)}`
  return Math.abs(value) < limit ? text : value < 0 ? `≤ ${text}` : `≥ ${text}`
}

/** The end of a symmetric colour scale in steps of 0.1. */
function scaleLimit(matrix: ArrayLike<number>): number {
  const sizes = Float64Array.from(matrix, Math.abs).sort()
  const limit = sizes[Math.ceil(spanned * (sizes.length - 1))] ?? 1
  return Math.min(1, Math.max(0.1, Math.ceil(limit * 10) / 10))
}

function meanDiagonal(matrix: ArrayLike<number>, size: number): string {
  let sum = 0
  for (let i = 0; i < size; i++) sum += matrix[i * size + i]!
  return (sum / size).toFixed(3).replace('-', '−')
}

/** The heads of B whose features stand, once permuted, in each head's place: one where heads stay whole. */
function headSources(permutation: ArrayLike<number>, size: number, heads: number): number[][] {
  const headSize = size / heads
  return Array.from({ length: heads }, (_, head) => {
    const features = Array.from({ length: headSize }, (_, i) => permutation[head * headSize + i]!)
    return [...new Set(features.map((feature) => Math.floor(feature / headSize)))]
  })
}
