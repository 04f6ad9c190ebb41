import type { Tap } from '@isthmus/model'
import { Field, FixedSizeList, Float16, Float32, Int32, Schema } from 'apache-arrow'

/** How features are stored. `float16` halves the file and rounds each feature to 11 bits. */
export type CaptureType = 'float32' | 'float16'

/** The size in bytes of a capture of `rows` tokens, without its few kilobytes of headers. */
export function captureBytes(rows: number, taps: readonly Tap[], type: CaptureType): number {
  const width = taps.reduce((sum, tap) => sum + tap.width, 0)
  return rows * (8 + width * (type === 'float32' ? 4 : 2))
}

/** The columns of a capture: `sequence`, `position` and a `FixedSizeList` per tap. */
export function captureSchema(taps: readonly Tap[], type: CaptureType): Schema {
  const value = Field.new({ name: 'value', type: type === 'float32' ? new Float32() : new Float16(), nullable: false })
  return new Schema([
    Field.new({ name: 'sequence', type: new Int32(), nullable: false }),
    Field.new({ name: 'position', type: new Int32(), nullable: false }),
    ...taps.map(({ name, width }) => Field.new({ name, type: new FixedSizeList(width, value), nullable: false })),
  ])
}
