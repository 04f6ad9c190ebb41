import { createReadStream } from 'node:fs'
import { UserError } from '@isthmus/tensor'

/** A line of a TSV file. */
export interface TsvRow {
  readonly fields: readonly string[]
  /** Counted from 1 over all lines of the file. */
  readonly line: number
}

/** Go through the lines of a file of tab-separated values in which nothing is quoted or escaped, as GLUE publishes them.
 *
 *  A quotation mark is a character like any other; a field may be empty; white space in it is kept. Lines end in LF or
 *  CRLF, and nothing else ends one; a byte order mark is left out, as are empty lines. The file is read as a stream.
 *  (DuckDB's reader of CSV takes an empty field for a missing one, and a CR by itself for the end of a line.)
 *  @throws {UserError} when the file cannot be read, or is not UTF-8.
 */
export async function* readTsv(path: string): AsyncGenerator<TsvRow> {
  let line = 0
  for await (const raw of readTextLines(path)) {
    line++
    const text = raw.endsWith('\r') ? raw.slice(0, -1) : raw
    if (text !== '') yield { fields: text.split('\t'), line }
  }
}

async function* readTextLines(path: string): AsyncGenerator<string> {
  let rest = ''
  for await (const text of readTextChunks(path)) {
    const lines = (rest + text).split('\n')
    rest = lines.pop()!
    yield* lines
  }
  yield rest
}

async function* readTextChunks(path: string): AsyncGenerator<string> {
  const decoder = new TextDecoder('utf-8', { fatal: true })
  const decode = (bytes?: Uint8Array) => {
    try {
      return decoder.decode(bytes, { stream: bytes !== undefined })
    } catch (cause) {
      throw new UserError(`the table ${path} is not UTF-8; convert it, e.g. with iconv -t utf-8`, { cause })
    }
  }
  const stream = createReadStream(path, { highWaterMark: 1 << 20 })
  try {
    for await (const bytes of stream) yield decode(bytes as Uint8Array)
    yield decode()
  } catch (cause) {
    if (cause instanceof UserError) throw cause
    throw new UserError(`cannot read the table ${path}: ${(cause as Error).message}; check the path`, { cause })
  }
}
