import { escapeXml } from '@isthmus/figures'

/** A table as HTML, in a box that scrolls where the page is narrower.
 *
 *  @param rows Cells as plain text; a number is set to the right.
 *  @param caption What the columns mean, as plain text.
 */
export function htmlTable(
  columns: readonly string[],
  rows: readonly (readonly (string | number | null)[])[],
  caption = '',
): string {
  const numeric = columns.map((_, index) => rows.some((row) => isNumeric(row[index])))
  const classOf = (index: number) => (numeric[index] ? 'number' : 'name')
  const head = columns.map((name, index) => `<th class="${classOf(index)}" scope="col">${escapeXml(name)}</th>`)
  const body = rows.map(
    (row) =>
      `<tr>${row.map((cell, index) => `<td class="${classOf(index)}">${escapeXml(text(cell))}</td>`).join('')}</tr>`,
  )
  return (
    `<div class="scroll"><table>${caption === '' ? '' : `<caption>${escapeXml(caption)}</caption>`}\n` +
    `<thead><tr>${head.join('')}</tr></thead>\n<tbody>${body.join('\n')}</tbody></table></div>`
  )
}

function isNumeric(cell: string | number | null | undefined): boolean {
  return typeof cell === 'number' || (typeof cell === 'string' && /^[−+]?\d+(\.\d+)?(?!\w)/.test(cell))
}

function text(cell: string | number | null): string {
  return cell === null ? '' : String(cell)
}
