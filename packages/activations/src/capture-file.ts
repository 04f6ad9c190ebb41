import { open } from 'node:fs/promises'
import { setImmediate } from 'node:timers/promises'
import type { Tap } from '@isthmus/model'
import { decodeFloat16, encodeFloat16, UserError } from '@isthmus/tensor'
import {
  type DataType,
  Field,
  FixedSizeList,
  Float16,
  Float32,
  Int32,
  makeData,
  RecordBatch,
  RecordBatchFileWriter,
  RecordBatchReader,
  Schema,
  Struct,
} from 'apache-arrow'
import type { FeatureRows } from './feature-rows.ts'

/** How features are stored. `float16` halves the file and rounds each feature to 11 bits. */
export type CaptureType = 'float32' | 'float16'

const maximumBatchBytes = 64 * 1024 * 1024

/** The size in bytes of a capture of `rows` tokens, without its few kilobytes of headers. */
export function captureBytes(rows: number, taps: readonly Tap[], type: CaptureType): number {
  return rows * rowBytes(taps, type)
}

/** Write features as one Arrow IPC file: columns `sequence`, `position` and a `FixedSizeList` per tap.
 *
 *  Record batches hold as many rows as fit into 64 MB, whatever the batches that come in, so the file's bytes depend
 *  on the features alone. At most two record batches are in memory.
 *  @param onRows Called with the number of rows so far.
 *  @returns The number of rows.
 */
export async function writeCapture(
  path: string,
  rows: AsyncIterable<FeatureRows>,
  taps: readonly Tap[],
  type: CaptureType,
  onRows?: (count: number) => void,
): Promise<number> {
  const schema = captureSchema(taps, type)
  const writer = new RecordBatchFileWriter()
  const file = await open(path, 'wx')
  let queued = 0
  const written = (async () => {
    for await (const chunk of writer) {
      await file.write(chunk)
      queued -= chunk.byteLength
    }
  })()
  let count = 0
  try {
    const pending = new PendingBatch(schema, taps, type)
    const flush = async () => {
      queued += pending.rows * rowBytes(taps, type)
      writer.write(pending.take())
      while (queued > maximumBatchBytes) await Promise.race([setImmediate(), written])
    }
    for await (const incoming of rows) {
      for (let from = 0; from < incoming.sequence.length; ) {
        from += pending.append(incoming, from)
        if (pending.full) await flush()
      }
      count += incoming.sequence.length
      onRows?.(count)
    }
    if (pending.rows > 0) await flush()
    writer.finish()
    await written
    await file.sync()
    return count
  } catch (error) {
    writer.abort(error)
    throw error
  } finally {
    await file.close()
  }
}

/** Read a capture, one record batch of at most 64 MB at a time.
 *
 *  @param path An Arrow IPC file that `writeCapture` wrote.
 *  @param names The taps to read.
 *  @throws {UserError} naming the file and the tap that it lacks.
 */
export async function* readCapture(path: string, names: readonly string[]): AsyncGenerator<FeatureRows> {
  const file = await open(path, 'r')
  try {
    const reader = await (await RecordBatchReader.from(file)).open()
    for await (const batch of reader) {
      const column = (name: string) => {
        const data = batch.getChild(name)?.data[0]
        if (data === undefined) throw new UserError(`the capture ${path} has no tap '${name}'`)
        return data
      }
      const features = names.map((name) => {
        const data = column(name)
        const width = (data.type as FixedSizeList<DataType>).listSize
        const values = data.children[0]!.values.subarray(0, batch.numRows * width)
        const floats = values instanceof Uint16Array ? decodeFloat16(values) : values
        return [name, { shape: [batch.numRows, width], data: floats }] as const
      })
      yield {
        sequence: column('sequence').values.subarray(0, batch.numRows),
        position: column('position').values.subarray(0, batch.numRows),
        features: new Map(features),
      }
    }
  } finally {
    await file.close()
  }
}

function rowBytes(taps: readonly Tap[], type: CaptureType): number {
  const width = taps.reduce((sum, tap) => sum + tap.width, 0)
  return 8 + width * (type === 'float32' ? 4 : 2)
}

function captureSchema(taps: readonly Tap[], type: CaptureType): Schema {
  const value = Field.new({ name: 'value', type: type === 'float32' ? new Float32() : new Float16(), nullable: false })
  return new Schema([
    Field.new({ name: 'sequence', type: new Int32(), nullable: false }),
    Field.new({ name: 'position', type: new Int32(), nullable: false }),
    ...taps.map(({ name, width }) => Field.new({ name, type: new FixedSizeList(width, value), nullable: false })),
  ])
}

/** The rows of the record batch that is being filled. */
class PendingBatch {
  rows = 0
  readonly #schema: Schema
  readonly #taps: readonly Tap[]
  readonly #type: CaptureType
  readonly #capacity: number
  #columns: (Int32Array | Float32Array | Uint16Array)[] = []

  constructor(schema: Schema, taps: readonly Tap[], type: CaptureType) {
    this.#schema = schema
    this.#taps = taps
    this.#type = type
    this.#capacity = Math.max(1, Math.floor(maximumBatchBytes / rowBytes(taps, type)))
  }

  get full(): boolean {
    return this.rows === this.#capacity
  }

  /** Take up rows of `incoming` from `from` on, as many as there is room for; returns how many. */
  append(incoming: FeatureRows, from: number): number {
    if (this.rows === 0) this.#columns = this.#allocate()
    const count = Math.min(this.#capacity - this.rows, incoming.sequence.length - from)
    this.#columns[0]!.set(incoming.sequence.subarray(from, from + count), this.rows)
    this.#columns[1]!.set(incoming.position.subarray(from, from + count), this.rows)
    for (const [index, { name, width }] of this.#taps.entries()) {
      const values = incoming.features.get(name)!.data.subarray(from * width, (from + count) * width)
      this.#columns[index + 2]!.set(this.#type === 'float32' ? values : encodeFloat16(values), this.rows * width)
    }
    this.rows += count
    return count
  }

  /** The record batch of the rows so far; the next append starts a new one. */
  take(): RecordBatch {
    const length = this.rows
    const children = this.#schema.fields.map((field, index) => {
      const values = this.#columns[index]!
      if (!(field.type instanceof FixedSizeList)) {
        return makeData({ type: new Int32(), length, data: values.subarray(0, length) as Int32Array })
      }
      const width = field.type.listSize
      const child = makeData({
        type: field.type.children[0]!.type,
        length: length * width,
        data: values.subarray(0, length * width),
      })
      return makeData({ type: field.type, length, child })
    })
    this.rows = 0
    return new RecordBatch(this.#schema, makeData({ type: new Struct(this.#schema.fields), length, children }))
  }

  #allocate(): (Int32Array | Float32Array | Uint16Array)[] {
    const Values = this.#type === 'float32' ? Float32Array : Uint16Array
    return [
      new Int32Array(this.#capacity),
      new Int32Array(this.#capacity),
      ...this.#taps.map(({ width }) => new Values(this.#capacity * width)),
    ]
  }
}
