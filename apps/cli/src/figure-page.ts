import { type DrawnFigure, escapeXml } from '@isthmus/figures'

/** The style of every page: a text column, light and dark, on paper and on a phone. Figures stay on white. */
const style = `
:root { color-scheme: light dark; --text: #1a1a1a; --soft: #595959; --line: #d9d9d9; --ground: #fff; --shade: #f5f5f3; --link: #0b5cad; }
@media (prefers-color-scheme: dark) {
  :root { --text: #e6e6e3; --soft: #a8a8a4; --line: #3d3d3b; --ground: #171716; --shade: #222220; --link: #7db8f0; }
}
* { box-sizing: border-box; }
body { margin: 0 auto; padding: 2rem 1.25rem 4rem; max-width: 54rem; color: var(--text); background: var(--ground);
  font: 1rem/1.55 Charter, 'Bitstream Charter', Georgia, 'Times New Roman', serif; }
h1, h2, h3, table, figcaption, nav, dl, .note { font-family: Helvetica, Arial, 'Liberation Sans', sans-serif; }
h1 { font-size: 1.7rem; line-height: 1.2; margin: 0 0 .5rem; }
h2 { font-size: 1.3rem; line-height: 1.25; margin: 3rem 0 .5rem; padding-top: 1.25rem; border-top: 1px solid var(--line); }
h3 { font-size: 1.02rem; margin: 2rem 0 .5rem; }
p { margin: .5rem 0; }
a { color: var(--link); }
code, pre { font-family: ui-monospace, Menlo, Consolas, 'Liberation Mono', monospace; font-size: .86em; }
pre { background: var(--shade); border: 1px solid var(--line); border-radius: 4px; padding: .6rem .8rem; white-space: pre-wrap; overflow-wrap: anywhere; }
details { margin: .5rem 0; }
figure { margin: 1.25rem 0 1.75rem; }
figcaption { text-align: center; padding-top: .35rem; }
figure > svg { display: block; max-width: 100%; height: auto; margin: 0 auto; background: #fff; border: 1px solid var(--line); border-radius: 4px; }
.scroll { overflow-x: auto; margin: .75rem 0 1.25rem; }
table { border-collapse: collapse; font-size: .84rem; line-height: 1.35; min-width: 100%; font-variant-numeric: tabular-nums; }
caption { caption-side: bottom; text-align: left; color: var(--soft); padding-top: .5rem; }
th, td { padding: .32rem 1.1rem .32rem 0; text-align: left; border-bottom: 1px solid var(--line); vertical-align: top; }
th { font-weight: 600; white-space: nowrap; }
.number { text-align: right; white-space: nowrap; }
.name { white-space: nowrap; }
.note { color: var(--soft); font-size: .86rem; }
dl { display: grid; grid-template-columns: max-content 1fr; gap: .2rem 1rem; font-size: .88rem; margin: .75rem 0; }
dt { color: var(--soft); } dd { margin: 0; overflow-wrap: anywhere; }
nav ul { padding-left: 1.1rem; }
@media (max-width: 34rem) { body { padding: 1.25rem .9rem 3rem; } dl { grid-template-columns: 1fr; gap: 0; } dd { margin-bottom: .4rem; } }
@media print {
  :root { color-scheme: light; --text: #000; --soft: #444; --line: #bbb; --ground: #fff; --shade: #fff; --link: #000; }
  body { max-width: none; padding: 0; font-size: 10.5pt; }
  figure, tr, pre { break-inside: avoid; } h2, h3 { break-after: avoid; } .scroll { overflow: visible; }
  figure > svg { border: 0; }
}`

/** A whole HTML page that needs nothing from outside.
 *
 *  @param title As plain text.
 *  @param body As HTML.
 */
export function htmlPage(title: string, body: string): string {
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>${escapeXml(title)}</title>
<style>${style}
</style>
</head>
<body>
${body}
</body>
</html>
`
}

/** A figure inline. Its title and caption are in it, and read aloud as its label. */
export function inlineFigure({ svg }: DrawnFigure): string {
  return `<figure>\n${svg}</figure>`
}

/** A page around one figure. */
export function figurePage(figure: DrawnFigure): string {
  return htmlPage(figure.title, inlineFigure(figure))
}
