import { UserError } from '@isthmus/tensor'
import type { Books } from './list-books.ts'
import { randomStream, sampleWithoutReplacement } from './random-stream.ts'
import { readBooks } from './read-books.ts'

/** A line of a book: the unit in which alignment data is drawn. */
export interface BookLine {
  /** The book's name, `{genre}/{book}.txt`, or as a table of books has it. */
  readonly book: string
  /** Counted from 1 over all lines of the book, the empty ones too. */
  readonly line: number
  readonly text: string
}

/** A book that was not used, because it has fewer than `linesPerBook` non-empty lines. */
export interface SkippedBook {
  readonly book: string
  readonly lines: number
}

export interface BookSample {
  /** The first ⌈fraction · sampledLines⌉ lines of the sample, in its random order. */
  readonly lines: readonly BookLine[]
  /** Lines before the fraction was taken: `linesPerBook` times the number of books used. */
  readonly sampledLines: number
  /** Sorted by name. */
  readonly skipped: readonly SkippedBook[]
}

export interface SampleBooksOptions {
  /** Fixes the sample; record it. An integer of {0 … 2⁵³−1}. */
  readonly seed: number
  /** Lines drawn of each book. Default 100. */
  readonly linesPerBook?: number
  /** The part of the sampled lines that is kept, in [0.001, 1]. Default 0.1. */
  readonly fraction?: number
  /** How many rows of a table without titles count as a book. Default 6,704: BookCorpus has 74,004,228 sentences of
   *  11,038 books.
   */
  readonly rowsPerBook?: number
}

/** Draw lines of books: `linesPerBook` non-empty lines of each, without replacement.
 *
 *  A book's draw is fixed by (seed, its name, its text) alone: other books and the order in which they are listed do
 *  not change it. Every drawn line also gets a uniform key from its book's stream, and the sample is put in the order
 *  of the keys. That order is uniformly random, two lines keep theirs when books are added, and as `fraction` takes
 *  the beginning, a smaller fraction gives a subset (a prefix) of what a larger one gives.
 *  Books with fewer non-empty lines are skipped, as in the paper's code, and named in the result.
 *
 *  A table of books (parquet) has its text in the column `text`. Where `title`, or else `book`, names the book, the rows
 *  of a name that follow one another are one book, as lines or whole (the layout of `bookcorpusopen`), and the sample is
 *  that of text files of these names. Without, a row is a sentence (the layout of `bookcorpus`, which does not say where
 *  books end): each `rowsPerBook` rows count as a book, in order. The table is streamed, once.
 *  @throws {UserError} when there is no book, none is long enough, a text cannot be read, or an option is out of range.
 *  @see Verma & Elbayad (2024), Merging Text Transformer Models from Different Initializations, §4.1.
 */
export async function sampleBooks(books: Books, options: SampleBooksOptions): Promise<BookSample> {
  const { seed, linesPerBook = 100, fraction = 0.1, rowsPerBook = 6704 } = options
  checkOptions(linesPerBook, fraction, rowsPerBook)
  const keyed: { key: number; line: BookLine }[] = []
  const skipped: SkippedBook[] = []
  for await (const { name: book, lines } of readBooks(books, rowsPerBook)) {
    if (lines.length < linesPerBook) {
      skipped.push({ book, lines: lines.length })
      continue
    }
    const stream = randomStream(seed, 'book', book)
    for (const index of sampleWithoutReplacement(stream, lines.length, linesPerBook)) {
      const { line, text } = lines[index]!
      keyed.push({ key: stream.uniform(), line: { book, line, text: ownCopy(text) } })
    }
  }
  if (keyed.length === 0) throw noBookLongEnough(skipped, linesPerBook)
  keyed.sort((a, b) => a.key - b.key)
  // 0.07 · 100 is 7.000000000000001 in f64: without the margin it would round up to 8.
  const kept = Math.ceil(fraction * keyed.length - 1e-9)
  skipped.sort((a, b) => (a.book < b.book ? -1 : 1))
  return { lines: keyed.slice(0, kept).map(({ line }) => line), sampledLines: keyed.length, skipped }
}

/** A line is a slice of its book, which would otherwise stay in memory with it. */
function ownCopy(text: string): string {
  return Buffer.from(text, 'utf16le').toString('utf16le')
}

function checkOptions(linesPerBook: number, fraction: number, rowsPerBook: number): void {
  for (const [name, value] of Object.entries({ linesPerBook, rowsPerBook })) {
    if (Number.isSafeInteger(value) && value >= 1) continue
    throw new UserError(`${name} must be a whole number of at least 1, but it is ${value}`)
  }
  if (!(fraction >= 0.001 && fraction <= 1)) {
    throw new UserError(`fraction must be a number from 0.001 to 1, but it is ${fraction}`)
  }
}

function noBookLongEnough(skipped: readonly SkippedBook[], linesPerBook: number): UserError {
  if (skipped.length === 0) {
    return new UserError(
      'there are 0 books to sample; give at least one {genre}/{book}.txt, or a .parquet file that has rows',
    )
  }
  const longest = skipped.reduce((a, b) => (b.lines > a.lines ? b : a))
  return new UserError(
    `none of the ${skipped.length} books has ${linesPerBook} non-empty lines: the longest, ${longest.book}, has ` +
      `${longest.lines}; add longer books or lower linesPerBook`,
  )
}
