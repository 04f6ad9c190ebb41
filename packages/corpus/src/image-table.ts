import type { Tensor } from '@isthmus/tensor'
import {
  Field,
  FixedSizeList,
  Int32,
  makeData,
  RecordBatch,
  Schema,
  Struct,
  Table,
  Uint8,
  Utf8,
  type Vector,
  vectorFromArray,
} from 'apache-arrow'
import { metadataEntry, readArrowFile, writeArrowFile } from './arrow-file.ts'
import type { ImagePreprocessing } from './image-preprocessing.ts'

const CONTENT = 'isthmus.images'

/** Decoded images, and how their pixels become what a model reads. */
export interface ImageTable {
  /** `{class}/{image}.png`. */
  readonly names: readonly string[]
  /** The class of each; −100 where classes are of no interest. Shape `[images]`. */
  readonly labels: Int32Array
  /** Shape `[images, 3, size, size]`, 0 to 255. */
  readonly pixels: Tensor<Uint8Array>
  readonly preprocessing: ImagePreprocessing
}

/** Write images as an Arrow IPC file: columns `image` (Utf8), `label` (Int32), `pixels` (FixedSizeList<Uint8>).
 *
 *  The schema's metadata has `content`, `size` and `preprocessing`. Equal tables give equal bytes.
 *  @throws {UserError} when the file cannot be written.
 */
export async function writeImageTable(path: string, { names, labels, pixels, preprocessing }: ImageTable) {
  const [length, , size] = pixels.shape as [number, number, number]
  const type = new FixedSizeList(3 * size * size, new Field('item', new Uint8(), false))
  const schema = new Schema(
    [new Field('image', new Utf8(), false), new Field('label', new Int32(), false), new Field('pixels', type, false)],
    new Map([
      ['content', CONTENT],
      ['size', String(size)],
      ['preprocessing', JSON.stringify(preprocessing)],
    ]),
  )
  const children = [
    vectorFromArray([...names], new Utf8()).data[0]!,
    makeData({ type: new Int32(), data: labels, nullCount: 0 }),
    makeData({ type, length, nullCount: 0, child: makeData({ type: new Uint8(), data: pixels.data, nullCount: 0 }) }),
  ]
  const rows = makeData({ type: new Struct(schema.fields), length, nullCount: 0, children })
  await writeArrowFile(path, new Table([new RecordBatch(schema, rows)]))
}

/** Read what `writeImageTable` wrote. Labels and pixels are views of the file's bytes.
 *
 *  @throws {UserError} when the file cannot be read, or is no table of images.
 */
export async function readImageTable(path: string): Promise<ImageTable> {
  const table = await readArrowFile(path, CONTENT)
  const size = Number(metadataEntry(table, 'size', path))
  const count = table.numRows
  const pixels = table.getChild('pixels')!.data[0]!.children[0]!.values as Uint8Array
  return {
    names: [...(table.getChild('image') as Vector<Utf8>)].map(String),
    labels: (table.getChild('label') as Vector<Int32>).data[0]!.values.subarray(0, count),
    pixels: { shape: [count, 3, size, size], data: pixels.subarray(0, count * 3 * size * size) },
    preprocessing: JSON.parse(metadataEntry(table, 'preprocessing', path)) as ImagePreprocessing,
  }
}
