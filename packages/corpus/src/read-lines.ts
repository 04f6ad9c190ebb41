import { readFile } from 'node:fs/promises'
import { UserError } from '@isthmus/tensor'

/** One line of a text, stripped of surrounding white space and not empty. */
export interface TextLine {
  /** Counted from 1 over all lines of the text, the empty ones too. */
  readonly line: number
  readonly text: string
}

/** Read the non-empty lines of a UTF-8 text file.
 *
 *  Lines end in LF or CRLF; surrounding white space, a byte order mark included, is stripped.
 *  @param name What messages call the file: its path where none is given.
 *  @throws {UserError} when the file cannot be read, or is not UTF-8.
 */
export async function readLines(path: string, name = path): Promise<TextLine[]> {
  return linesOf(await readText(path, name))
}

/** Read a whole UTF-8 text file.
 *
 *  @throws {UserError} when the file cannot be read, or is not UTF-8.
 */
export async function readText(path: string, name = path): Promise<string> {
  const bytes = await readFile(path).catch((cause: NodeJS.ErrnoException) => {
    throw new UserError(`cannot read the text ${name}: ${cause.message}; check the path`, { cause })
  })
  return decodeUtf8(bytes, name)
}

/** The non-empty lines of a text.
 *
 *  @param before How many lines come before the text, in the whole that it is a part of.
 */
export function linesOf(text: string, before = 0): TextLine[] {
  const lines: TextLine[] = []
  text.split('\n').forEach((raw, i) => {
    const stripped = raw.trim()
    if (stripped !== '') lines.push({ line: before + i + 1, text: stripped })
  })
  return lines
}

function decodeUtf8(bytes: Uint8Array, name: string): string {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes)
  } catch (cause) {
    throw new UserError(`the text ${name} is not UTF-8; convert it, e.g. with iconv -t utf-8`, { cause })
  }
}
