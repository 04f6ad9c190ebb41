import { UserError } from '@isthmus/tensor'
import type { Books } from './list-books.ts'
import { randomStream, sampleWithoutReplacement } from './random-stream.ts'
import { readLines } from './read-lines.ts'

/** A line of a book: the unit in which alignment data is drawn. */
export interface BookLine {
  /** The book's name, `{genre}/{book}.txt`. */
  readonly book: string
  /** Counted from 1 over all lines of the file, the empty ones too. */
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
}

/** Draw lines of books: `linesPerBook` non-empty lines of each, without replacement.
 *
 *  A book's draw is fixed by (seed, its name, its text) alone: other books and the order in which they are listed do
 *  not change it. Every drawn line also gets a uniform key from its book's stream, and the sample is put in the order
 *  of the keys. That order is uniformly random, two lines keep theirs when books are added, and as `fraction` takes
 *  the beginning, a smaller fraction gives a subset (a prefix) of what a larger one gives.
 *  Books with fewer non-empty lines are skipped, as in the paper's code, and named in the result.
 *  @throws {UserError} when there is no book, none is long enough, a text cannot be read, or an option is out of range.
 *  @see Verma & Elbayad (2024), Merging Text Transformer Models from Different Initializations, §4.1.
 */
export async function sampleBooks(books: Books, options: SampleBooksOptions): Promise<BookSample> {
  const { seed, linesPerBook = 100, fraction = 0.1 } = options
  checkOptions(linesPerBook, fraction)
  const names = Object.keys(books).sort()
  const keyed: { key: number; line: BookLine }[] = []
  const skipped: SkippedBook[] = []
  for (const book of names) {
    const lines = await readLines(books[book]!, book)
    if (lines.length < linesPerBook) {
      skipped.push({ book, lines: lines.length })
      continue
    }
    const stream = randomStream(seed, 'book', book)
    for (const index of sampleWithoutReplacement(stream, lines.length, linesPerBook)) {
      keyed.push({ key: stream.uniform(), line: { book, ...lines[index]! } })
    }
  }
  if (keyed.length === 0) throw noBookLongEnough(skipped, linesPerBook)
  keyed.sort((a, b) => a.key - b.key)
  // 0.07 · 100 is 7.000000000000001 in f64: without the margin it would round up to 8.
  const kept = Math.ceil(fraction * keyed.length - 1e-9)
  return { lines: keyed.slice(0, kept).map(({ line }) => line), sampledLines: keyed.length, skipped }
}

function checkOptions(linesPerBook: number, fraction: number): void {
  if (!Number.isSafeInteger(linesPerBook) || linesPerBook < 1) {
    throw new UserError(`linesPerBook must be a whole number of at least 1, but it is ${linesPerBook}`)
  }
  if (!(fraction >= 0.001 && fraction <= 1)) {
    throw new UserError(`fraction must be a number from 0.001 to 1, but it is ${fraction}`)
  }
}

function noBookLongEnough(skipped: readonly SkippedBook[], linesPerBook: number): UserError {
  if (skipped.length === 0) return new UserError('there are 0 books to sample; give at least one {genre}/{book}.txt')
  const longest = skipped.reduce((a, b) => (b.lines > a.lines ? b : a))
  return new UserError(
    `none of the ${skipped.length} books has ${linesPerBook} non-empty lines: the longest, ${longest.book}, has ` +
      `${longest.lines}; add longer books or lower linesPerBook`,
  )
}
