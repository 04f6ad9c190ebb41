import {
  Field,
  Float32,
  Int32,
  type List,
  makeData,
  RecordBatch,
  Schema,
  Struct,
  Table,
  type Vector,
} from 'apache-arrow'
import { metadataEntry, readArrowFile, writeArrowFile } from './arrow-file.ts'
import type { EncodedTask } from './encode-task.ts'
import { idsColumn, idsType } from './ids-column.ts'

const CONTENT = 'isthmus.task'

/** Write a split of a task as an Arrow IPC file: columns `ids` (List<Int32>), `firstTypeLength` (Int32) and `label`
 *  (Int32 for classes, Float32 for scores).
 *
 *  The schema's metadata has `content`, `task`, `classes` (JSON; `null` for scores), `maxTokens` and `vocabularyDigest`.
 *  Equal splits give equal bytes.
 *  @throws {UserError} when the file cannot be written.
 */
export async function writeTaskTable(path: string, encoded: EncodedTask): Promise<void> {
  const { texts, labels } = encoded
  const labelType = encoded.classes === null ? new Float32() : new Int32()
  const schema = new Schema(
    [
      new Field('ids', idsType, false),
      new Field('firstTypeLength', new Int32(), false),
      new Field('label', labelType, false),
    ],
    new Map([
      ['content', CONTENT],
      ['task', encoded.task],
      ['classes', JSON.stringify(encoded.classes)],
      ['maxTokens', String(encoded.maxTokens)],
      ['vocabularyDigest', encoded.vocabularyDigest],
    ]),
  )
  const lengths = Int32Array.from(texts, ({ firstTypeLength }) => firstTypeLength)
  const children = [
    idsColumn(texts.map(({ ids }) => ids)),
    makeData({ type: new Int32(), data: lengths, nullCount: 0 }),
    labels instanceof Int32Array
      ? makeData({ type: new Int32(), data: labels, nullCount: 0 })
      : makeData({ type: new Float32(), data: labels, nullCount: 0 }),
  ]
  const rows = makeData({ type: new Struct(schema.fields), length: texts.length, nullCount: 0, children })
  await writeArrowFile(path, new Table([new RecordBatch(schema, rows)]))
}

/** Read what `writeTaskTable` wrote. The texts' ids are views of one buffer.
 *
 *  @throws {UserError} when the file cannot be read or holds no task.
 */
export async function readTaskTable(path: string): Promise<EncodedTask> {
  const table = await readArrowFile(path, CONTENT)
  const ids = table.getChild('ids') as Vector<List<Int32>>
  const lengths = table.getChild('firstTypeLength') as Vector<Int32>
  return {
    task: metadataEntry(table, 'task', path),
    classes: JSON.parse(metadataEntry(table, 'classes', path)) as string[] | null,
    texts: Array.from({ length: table.numRows }, (_, i) => ({
      ids: ids.get(i)!.toArray(),
      firstTypeLength: lengths.get(i)!,
    })),
    labels: (table.getChild('label') as Vector<Int32 | Float32>).toArray(),
    maxTokens: Number(metadataEntry(table, 'maxTokens', path)),
    vocabularyDigest: metadataEntry(table, 'vocabularyDigest', path),
  }
}
