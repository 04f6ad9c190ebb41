import {
  Field,
  Int32,
  type List,
  makeData,
  RecordBatch,
  Schema,
  Struct,
  Table,
  Utf8,
  type Vector,
  vectorFromArray,
} from 'apache-arrow'
import { metadataEntry, readArrowFile, writeArrowFile } from './arrow-file.ts'
import { idsColumn, idsType } from './ids-column.ts'
import type { TokenizedLine, TokenTable } from './tokenize-lines.ts'

const CONTENT = 'isthmus.token-table'

/** Write tokenised lines as an Arrow IPC file: columns `book` (Utf8), `line` (Int32), `ids` (List<Int32>).
 *
 *  The schema's metadata has `content`, `maxTokens`, `specialTokens` and `vocabularyDigest`. Equal tables give equal
 *  bytes.
 *  @throws {UserError} when the file cannot be written.
 */
export async function writeTokenTable(path: string, table: TokenTable): Promise<void> {
  const { lines } = table
  const schema = new Schema(
    [new Field('book', new Utf8(), false), new Field('line', new Int32(), false), new Field('ids', idsType, false)],
    new Map([
      ['content', CONTENT],
      ['maxTokens', String(table.maxTokens)],
      ['specialTokens', String(table.specialTokens)],
      ['vocabularyDigest', table.vocabularyDigest],
    ]),
  )
  const columns = [
    vectorFromArray(
      lines.map(({ book }) => book),
      new Utf8(),
    ).data[0]!,
    makeData({ type: new Int32(), data: Int32Array.from(lines, ({ line }) => line), nullCount: 0 }),
    idsColumn(lines.map(({ ids }) => ids)),
  ]
  const rows = makeData({ type: new Struct(schema.fields), length: lines.length, nullCount: 0, children: columns })
  await writeArrowFile(path, new Table([new RecordBatch(schema, rows)]))
}

/** Read what `writeTokenTable` wrote. The lines' ids are views of one buffer.
 *
 *  @throws {UserError} when the file cannot be read or is no token table.
 */
export async function readTokenTable(path: string): Promise<TokenTable> {
  const table = await readArrowFile(path, CONTENT)
  const books = table.getChild('book') as Vector<Utf8>
  const numbers = table.getChild('line') as Vector<Int32>
  const ids = table.getChild('ids') as Vector<List<Int32>>
  const lines: TokenizedLine[] = []
  for (let i = 0; i < table.numRows; i++) {
    lines.push({ book: books.get(i)!, line: numbers.get(i)!, ids: ids.get(i)!.toArray() })
  }
  return {
    lines,
    maxTokens: Number(metadataEntry(table, 'maxTokens', path)),
    specialTokens: metadataEntry(table, 'specialTokens', path) === 'true',
    vocabularyDigest: metadataEntry(table, 'vocabularyDigest', path),
  }
}
