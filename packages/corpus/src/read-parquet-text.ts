import { UserError } from '@isthmus/tensor'
import type { ParquetShards } from './list-parquet-shards.ts'
import { listColumns, type ParquetColumn, readParquetRows } from './read-parquet-rows.ts'

/** A row of a table of text. */
export interface TextRow {
  /** As it is stored, white space and all; a missing value is empty. */
  readonly text: string
  /** Which book the text is of; null where the table does not say. */
  readonly book: string | null
}

/** The columns that may say which book a row is of. */
const bookColumns = ['title', 'book'] as const

/** Go through the rows of a table of text that is stored as parquet, in their order.
 *
 *  The column `text` holds text; `title`, or else `book`, may say which book it is of; other columns are not read. How
 *  rows are streamed: {@link readParquetRows}.
 *  @throws {UserError} naming the file that cannot be read, is damaged, or has no column `text`.
 */
export async function* readParquetText(shards: ParquetShards): AsyncGenerator<TextRow> {
  let first: { readonly path: string; readonly book: string | null } | undefined
  const choose = (columns: readonly ParquetColumn[], path: string) => {
    assertText(columns, path)
    const book =
      bookColumns.find((wanted) => columns.some((column) => column.name === wanted && isText(column))) ?? null
    first ??= { path, book }
    if (book !== first.book) throw differentColumns(path, book, first.path, first.book)
    return book === null ? ['text'] : ['text', book]
  }
  for await (const { values } of readParquetRows(shards, choose)) {
    const [text, book] = values as readonly (string | null)[]
    yield { text: text ?? '', book: values.length === 1 ? null : (book ?? '') }
  }
}

function isText({ type }: ParquetColumn): boolean {
  return type === 'VARCHAR'
}

function assertText(columns: readonly ParquetColumn[], path: string): void {
  const text = columns.find(({ name }) => name === 'text')
  if (text !== undefined && isText(text)) return
  throw new UserError(
    `${path} has no column 'text' of type VARCHAR, but ${listColumns(columns)}; rename or convert the column`,
  )
}

function differentColumns(path: string, own: string | null, firstPath: string, first: string | null): UserError {
  const say = (column: string | null) => (column === null ? 'no column that names a book' : `the column '${column}'`)
  return new UserError(
    `${path} has ${say(own)}, but ${firstPath} has ${say(first)}: shards of one table have the same columns; ` +
      'give those of one table',
  )
}
