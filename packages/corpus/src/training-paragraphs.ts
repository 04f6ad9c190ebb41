import type { Books } from './list-books.ts'
import { readBooks } from './read-books.ts'
import { readWikiText, type TextFiles } from './read-wiki-text.ts'

/** What a language model is trained on. */
export interface TrainingText {
  /** As `listBooks` gives them; none where they are empty. */
  readonly books: Books
  /** As `listWikiText` gives it; none where it is empty. */
  readonly wikitext: TextFiles
}

/** A table of books without titles is read in pieces of so many rows, which changes nothing here. */
const rowsPerPiece = 6704

/** Read the paragraphs of a training text in a fixed order: the books sorted by name, line by line, then the WikiText.
 *
 *  @throws {UserError} naming the file that cannot be read, or is not UTF-8.
 */
export async function* trainingParagraphs({ books, wikitext }: TrainingText): AsyncGenerator<string> {
  if (Object.keys(books).length > 0) {
    for await (const { lines } of readBooks(books, rowsPerPiece)) for (const { text } of lines) yield text
  }
  if (Object.keys(wikitext).length > 0) yield* await readWikiText(wikitext)
}
