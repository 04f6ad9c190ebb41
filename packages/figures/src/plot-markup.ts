import * as Plot from '@observablehq/plot'
import { parseHTML } from 'linkedom'
import { escapeXml } from './svg-text.ts'

/** A drawing as SVG elements to be placed in a figure: no `svg` element around them, the origin at the top left. */
export interface Drawing {
  /** In pixels. */
  readonly width: number
  readonly height: number
  readonly markup: string
}

/** Draw with Observable Plot.
 *
 *  The same options give the same bytes: Plot's style sheet and its counted ids are left out, and coordinates are
 *  rounded to hundredths of a pixel. Marks that need ids (markers, clips, gradients) are not for here.
 *
 *  @param options Plot's, with `width` and `height` in pixels; no legend and no title, which would not be one SVG.
 */
export function plotMarkup(options: Plot.PlotOptions & { readonly width: number; readonly height: number }): Drawing {
  const { document } = parseHTML('<!doctype html><html><body></body></html>')
  const svg = Plot.plot({ ...options, document: document as unknown as NonNullable<Plot.PlotOptions['document']> })
  if (svg.tagName.toLowerCase() !== 'svg') throw new Error(`Plot made a ${svg.tagName}, expected one SVG`)
  const inner = svg.innerHTML.replace(/<style>.*?<\/style>/s, '')
  if (/ id="/.test(inner)) throw new Error('a mark made an element with an id, which is not the same in every drawing')
  return { width: options.width, height: options.height, markup: roundCoordinates(inner) }
}

/** Shift a drawing. */
export function placed({ markup }: Drawing, x: number, y: number): string {
  return `<g transform="translate(${x},${y})">${markup}</g>`
}

/** Words that stand at a place: `anchor` as SVG's `text-anchor`. */
export function textMarkup(
  text: string,
  x: number,
  y: number,
  attributes: Readonly<Record<string, string | number>> = {},
): string {
  const own = Object.entries({ 'text-anchor': 'start', ...attributes })
    .map(([name, value]) => ` ${name}="${escapeXml(String(value))}"`)
    .join('')
  return `<text x="${x}" y="${y}"${own}>${escapeXml(text)}</text>`
}

/** Round numbers inside tags; text between them stays as it is. */
function roundCoordinates(markup: string): string {
  return markup.replace(/<[^>]*>/g, (tag) =>
    tag.replace(/-?\d+\.\d{3,}(?:e-?\d+)?/g, (number) => String(Math.round(Number(number) * 100) / 100 + 0)),
  )
}
