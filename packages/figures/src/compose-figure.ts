import { type Drawing, placed, textMarkup } from './plot-markup.ts'
import { escapeXml, fontFamily, wrapText } from './svg-text.ts'

/** What a figure is made of, from top to bottom. */
export interface FigureParts {
  /** What is compared. */
  readonly title: string
  /** On what, and what lines, bands and bars are. */
  readonly caption: string
  readonly legend?: Drawing
  readonly panels: readonly Panel[]
  /** How many panels stand side by side. */
  readonly columns: number
}

/** One drawing of a figure, with its heading where there are several. */
export interface Panel {
  readonly heading?: string
  readonly drawing: Drawing
}

/** A figure, drawn. */
export interface DrawnFigure {
  readonly title: string
  readonly caption: string
  /** One SVG document: its own fonts' names, no script, no style sheet and no link to anything outside. */
  readonly svg: string
}

/** Widths in pixels: of a figure that fills a column of a two-column page, and of one that fills the page. At 240 and
 *  500 points their smallest letters are over 6 points high. */
export const columnWidth = 460
export const pageWidth = 760

const padding = 12
const titleSize = 15
const captionSize = 12
const headingSize = 13
const headingLine = 17
const panelGap = 14

/** Put the parts of a figure into one SVG document, on white. */
export function composeFigure({ title, caption, legend, panels, columns }: FigureParts): DrawnFigure {
  const panelWidth = Math.max(...panels.map(({ drawing }) => drawing.width))
  const headings = panels.map(({ heading = '' }) => wrapText(heading, panelWidth, headingSize))
  const inner = Math.max(columns * panelWidth + (columns - 1) * panelGap, legend?.width ?? 0, columnWidth - 2 * padding)
  const elements: string[] = []
  let y = padding
  for (const line of wrapText(title, inner, titleSize)) {
    elements.push(textMarkup(line, padding, y + titleSize, { 'font-size': titleSize, 'font-weight': 'bold' }))
    y += titleSize + 4
  }
  y += 2
  for (const line of wrapText(caption, inner, captionSize)) {
    elements.push(textMarkup(line, padding, y + captionSize, { 'font-size': captionSize, fill: '#444' }))
    y += captionSize + 4
  }
  y += 8
  if (legend !== undefined) {
    elements.push(placed(legend, padding, y))
    y += legend.height + 8
  }
  for (let first = 0; first < panels.length; first += columns) {
    const row = panels.slice(first, first + columns)
    const lines = Math.max(...headings.slice(first, first + columns).map(({ length }) => length))
    for (const [column, panel] of row.entries()) {
      const x = padding + column * (panelWidth + panelGap)
      for (const [line, text] of headings[first + column]!.entries()) {
        const baseline = y + headingSize + line * headingLine
        const attributes = { 'text-anchor': 'middle', 'font-size': headingSize, 'font-weight': 'bold' }
        elements.push(textMarkup(text, x + panelWidth / 2, baseline, attributes))
      }
      elements.push(placed(panel.drawing, x, y + lines * headingLine + (lines > 0 ? 3 : 0)))
    }
    y += lines * headingLine + Math.max(...row.map(({ drawing }) => drawing.height)) + panelGap
  }
  const height = y - panelGap + padding
  return { title, caption, svg: svgDocument(title, caption, inner + 2 * padding, height, elements) }
}

function svgDocument(
  title: string,
  caption: string,
  width: number,
  height: number,
  elements: readonly string[],
): string {
  return (
    `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" viewBox="0 0 ${width} ${height}" ` +
    `role="img" font-family="${escapeXml(fontFamily)}" font-size="13" text-anchor="middle" fill="#1a1a1a" color="#1a1a1a">\n` +
    `<title>${escapeXml(title)}</title>\n<desc>${escapeXml(caption)}</desc>\n` +
    `<rect width="${width}" height="${height}" fill="white"/>\n${elements.join('\n')}\n</svg>\n`
  )
}
