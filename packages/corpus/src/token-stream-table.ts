import { Field, Int32, makeData, RecordBatch, Schema, Struct, Table } from 'apache-arrow'
import { metadataEntry, readArrowFile, writeArrowFile } from './arrow-file.ts'
import type { TokenStream } from './token-stream.ts'

const CONTENT = 'isthmus.token-stream'

/** Write a stream of tokens as an Arrow IPC file: the column `id`, Int32.
 *
 *  The schema's metadata has `content` and `vocabularyDigest`. Equal streams give equal bytes.
 *  @throws {UserError} when the file cannot be written.
 */
export function writeTokenStream(path: string, { ids, vocabularyDigest }: TokenStream): Promise<void> {
  const metadata = new Map([
    ['content', CONTENT],
    ['vocabularyDigest', vocabularyDigest],
  ])
  const schema = new Schema([new Field('id', new Int32(), false)], metadata)
  const children = [makeData({ type: new Int32(), data: ids, nullCount: 0 })]
  const rows = makeData({ type: new Struct(schema.fields), length: ids.length, nullCount: 0, children })
  return writeArrowFile(path, new Table([new RecordBatch(schema, rows)]))
}

/** Read what `writeTokenStream` wrote. The ids are a view of the file's bytes where it has one record batch.
 *
 *  @throws {UserError} when the file cannot be read, or is no stream of tokens.
 */
export async function readTokenStream(path: string): Promise<TokenStream> {
  const table = await readArrowFile(path, CONTENT)
  const ids = table.getChild('id')!.toArray() as Int32Array
  return { ids, vocabularyDigest: metadataEntry(table, 'vocabularyDigest', path) }
}
