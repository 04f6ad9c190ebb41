import type { Books } from './list-books.ts'
import { areParquetShards } from './list-parquet-shards.ts'
import { linesOf, readLines, type TextLine } from './read-lines.ts'
import { readParquetText, type TextRow } from './read-parquet-text.ts'

/** A book as its non-empty lines. */
export interface ReadBook {
  readonly name: string
  readonly lines: readonly TextLine[]
}

/** Read books one after the other: text files by name, or a table of books in the order of its rows.
 *
 *  One book is in memory at a time.
 *  @param rowsPerBook How many rows of a table without titles are taken for a book.
 *  @throws {UserError} naming the file that cannot be read, or has no text.
 */
export async function* readBooks(books: Books, rowsPerBook: number): AsyncGenerator<ReadBook> {
  if (areParquetShards(books)) {
    yield* booksOfRows(readParquetText(books), rowsPerBook)
    return
  }
  for (const name of Object.keys(books).sort()) yield { name, lines: await readLines(books[name]!, name) }
}

async function* booksOfRows(rows: AsyncIterable<TextRow>, rowsPerBook: number): AsyncGenerator<ReadBook> {
  const nameOfRow = bookNames(rowsPerBook)
  let name: string | null = null
  let lines: TextLine[] = []
  let lineCount = 0
  for await (const row of rows) {
    const own = nameOfRow(row)
    if (own !== name) {
      if (name !== null) yield { name, lines }
      ;[name, lines, lineCount] = [own, [], 0]
    }
    const text = row.text.endsWith('\n') ? row.text.slice(0, -1) : row.text
    for (const line of linesOf(text, lineCount)) lines.push(line)
    lineCount += text.split('\n').length
  }
  if (name !== null) yield { name, lines }
}

/** Names the book that each row is of: asked row by row.
 *
 *  A title that comes back after another is another book, `title (2)`; rows without titles are `rows 1 to 6704`, ….
 */
function bookNames(rowsPerBook: number): (row: TextRow) => string {
  const times = new Map<string, number>()
  let last: string | null = null
  let count = 0
  return ({ book }) => {
    const index = count++
    if (book === null) {
      const first = index - (index % rowsPerBook) + 1
      return `rows ${first} to ${first + rowsPerBook - 1}`
    }
    if (book !== last) times.set(book, (times.get(book) ?? 0) + 1)
    last = book
    const time = times.get(book)!
    return time === 1 ? book : `${book} (${time})`
  }
}
