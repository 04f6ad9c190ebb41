import { type Tensor, UserError } from '@isthmus/tensor'
import { Field, FixedSizeList, Int32, makeData, RecordBatch, Schema, Struct, Table } from 'apache-arrow'
import { metadataEntry, readArrowFile, writeArrowFile } from './arrow-file.ts'
import type { MaskedBlocks } from './mask-tokens.ts'

const CONTENT = 'isthmus.masked-blocks'
/** The text is tokenised as it is, paragraph by paragraph (algorithms §9). */
const PROTOCOL = 'clean'

/** Write masked blocks as an Arrow IPC file: columns `inputIds` and `labels`, both FixedSizeList<Int32>[blockSize].
 *
 *  The schema's metadata has `content`, `protocol`, `blockSize`, `probability`, `seed` and `vocabularyDigest`. Equal
 *  blocks give equal bytes.
 *  @throws {UserError} when the file cannot be written.
 */
export async function writeMaskedBlocks(path: string, masked: MaskedBlocks): Promise<void> {
  const [count, blockSize] = masked.inputIds.shape as [number, number]
  const type = new FixedSizeList(blockSize, new Field('item', new Int32(), false))
  const schema = new Schema(
    [new Field('inputIds', type, false), new Field('labels', type, false)],
    new Map([
      ['content', CONTENT],
      ['protocol', PROTOCOL],
      ['blockSize', String(blockSize)],
      ['probability', String(masked.probability)],
      ['seed', String(masked.seed)],
      ['vocabularyDigest', masked.vocabularyDigest],
    ]),
  )
  const children = [masked.inputIds, masked.labels].map(({ data }) =>
    makeData({ type, length: count, nullCount: 0, child: makeData({ type: new Int32(), data, nullCount: 0 }) }),
  )
  const rows = makeData({ type: new Struct(schema.fields), length: count, nullCount: 0, children })
  await writeArrowFile(path, new Table([new RecordBatch(schema, rows)]))
}

/** Read what `writeMaskedBlocks` wrote. The tensors are views of the file's bytes where it has one record batch.
 *
 *  @throws {UserError} when the file cannot be read, is no table of masked blocks, or was made by another protocol.
 */
export async function readMaskedBlocks(path: string): Promise<MaskedBlocks> {
  const table = await readArrowFile(path, CONTENT)
  const protocol = metadataEntry(table, 'protocol', path)
  if (protocol !== PROTOCOL) {
    throw new UserError(`${path} was made by the protocol '${protocol}', expected '${PROTOCOL}'; make it again`)
  }
  const blockSize = Number(metadataEntry(table, 'blockSize', path))
  return {
    inputIds: fixedSizeColumn(table, 'inputIds', blockSize),
    labels: fixedSizeColumn(table, 'labels', blockSize),
    probability: Number(metadataEntry(table, 'probability', path)),
    seed: Number(metadataEntry(table, 'seed', path)),
    vocabularyDigest: metadataEntry(table, 'vocabularyDigest', path),
  }
}

function fixedSizeColumn(table: Table, name: string, width: number): Tensor<Int32Array> {
  const chunks = table.getChild(name)!.data.map((chunk) => {
    const values = chunk.children[0]!.values as Int32Array
    return values.subarray(0, chunk.length * width)
  })
  const shape = [table.numRows, width]
  if (chunks.length === 1) return { shape, data: chunks[0]! }
  const data = new Int32Array(table.numRows * width)
  let offset = 0
  for (const chunk of chunks) {
    data.set(chunk, offset)
    offset += chunk.length
  }
  return { shape, data }
}
