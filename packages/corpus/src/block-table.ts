import type { Tensor } from '@isthmus/tensor'
import { Field, FixedSizeList, Int32, makeData, RecordBatch, Schema, Struct, Table } from 'apache-arrow'
import { metadataEntry, readArrowFile, writeArrowFile } from './arrow-file.ts'

const CONTENT = 'isthmus.token-blocks'

/** Blocks of tokens, and the vocabulary that their ids are of. */
export interface TokenBlocks {
  /** Shape `[blocks, blockSize]`. */
  readonly inputIds: Tensor<Int32Array>
  readonly vocabularyDigest: string
}

/** Write blocks of tokens as an Arrow IPC file: the column `inputIds`, FixedSizeList<Int32>[blockSize].
 *
 *  The schema's metadata has `content`, `blockSize` and `vocabularyDigest`. Equal blocks give equal bytes.
 *  @throws {UserError} when the file cannot be written.
 */
export function writeTokenBlocks(path: string, { inputIds, vocabularyDigest }: TokenBlocks): Promise<void> {
  const metadata = [
    ['content', CONTENT],
    ['blockSize', String(inputIds.shape[1])],
    ['vocabularyDigest', vocabularyDigest],
  ] as const
  return writeArrowFile(path, blockTable({ inputIds }, new Map(metadata)))
}

/** Read what `writeTokenBlocks` wrote. The tensor is a view of the file's bytes where it has one record batch.
 *
 *  @throws {UserError} when the file cannot be read, or is no table of blocks of tokens.
 */
export async function readTokenBlocks(path: string): Promise<TokenBlocks> {
  const table = await readArrowFile(path, CONTENT)
  return {
    inputIds: blockColumn(table, 'inputIds', Number(metadataEntry(table, 'blockSize', path))),
    vocabularyDigest: metadataEntry(table, 'vocabularyDigest', path),
  }
}

/** A table of columns of blocks, all of one shape `[blocks, blockSize]`. */
export function blockTable(
  columns: Readonly<Record<string, Tensor<Int32Array>>>,
  metadata: ReadonlyMap<string, string>,
): Table {
  const [length, blockSize] = Object.values(columns)[0]!.shape as [number, number]
  const type = new FixedSizeList(blockSize, new Field('item', new Int32(), false))
  const schema = new Schema(
    Object.keys(columns).map((name) => new Field(name, type, false)),
    new Map(metadata),
  )
  const children = Object.values(columns).map(({ data }) =>
    makeData({ type, length, nullCount: 0, child: makeData({ type: new Int32(), data, nullCount: 0 }) }),
  )
  const rows = makeData({ type: new Struct(schema.fields), length, nullCount: 0, children })
  return new Table([new RecordBatch(schema, rows)])
}

/** A column of blocks as a tensor `[blocks, blockSize]`: a view where the table has one record batch. */
export function blockColumn(table: Table, name: string, blockSize: number): Tensor<Int32Array> {
  const chunks = table.getChild(name)!.data.map((chunk) => {
    const values = chunk.children[0]!.values as Int32Array
    return values.subarray(0, chunk.length * blockSize)
  })
  const shape = [table.numRows, blockSize]
  if (chunks.length === 1) return { shape, data: chunks[0]! }
  const data = new Int32Array(table.numRows * blockSize)
  let offset = 0
  for (const chunk of chunks) {
    data.set(chunk, offset)
    offset += chunk.length
  }
  return { shape, data }
}
