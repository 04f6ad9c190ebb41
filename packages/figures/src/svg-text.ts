/** Fonts that exist everywhere, or have a twin of the same widths. */
export const fontFamily = "Helvetica, Arial, 'Liberation Sans', sans-serif"

/** Escape text for XML, in content and in attributes; control characters that XML cannot hold become spaces. */
export function escapeXml(text: string): string {
  return text
    .replace(/[^\t\n\r\x20-\uFFFF]/g, ' ')
    .replace(/&/g, '&amp;')
    .replace(/</g, '&lt;')
    .replace(/>/g, '&gt;')
    .replace(/"/g, '&quot;')
}

/** About how wide a text is in Helvetica, in pixels: there is no browser to ask. Errs to the wide side. */
export function textWidth(text: string, fontSize: number): number {
  return [...text].reduce((sum, character) => sum + characterWidth(character), 0) * fontSize
}

function characterWidth(character: string): number {
  if (/[ijl.,:;|'!()[\]{}/\\tfrI -]/.test(character)) return 0.34
  if (/[mwMW@%—]/.test(character)) return 0.9
  if (/[A-Z&±≥≤=+−]/.test(character)) return 0.68
  return 0.565
}

/** Break a text at spaces into lines that are no wider than `width` pixels; a longer word is a line of its own. */
export function wrapText(text: string, width: number, fontSize: number): string[] {
  const lines: string[] = []
  for (const word of text.split(/\s+/).filter((part) => part !== '')) {
    const last = lines.at(-1)
    if (last !== undefined && textWidth(`${last} ${word}`, fontSize) <= width) lines[lines.length - 1] += ` ${word}`
    else lines.push(word)
  }
  return lines
}
