import type { Tap } from '@isthmus/model'
import { encodeFloat16 } from '@isthmus/tensor'
import { FixedSizeList, Int32, makeData, RecordBatch, type Schema, Struct } from 'apache-arrow'
import { type CaptureType, captureSchema } from './capture-schema.ts'
import type { FeatureRows } from './feature-rows.ts'

/** The rows of the record batch that is being filled. */
export class PendingBatch {
  rows = 0
  readonly #capacity: number
  readonly #schema: Schema
  readonly #taps: readonly Tap[]
  readonly #type: CaptureType
  #columns: (Int32Array | Float32Array | Uint16Array)[] = []

  constructor(capacity: number, taps: readonly Tap[], type: CaptureType) {
    this.#capacity = capacity
    this.#schema = captureSchema(taps, type)
    this.#taps = taps
    this.#type = type
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

  /** The record batch of the rows so far, which owns its buffers; the next append starts a new one. */
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
