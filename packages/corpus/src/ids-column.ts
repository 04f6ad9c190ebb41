import { type Data, Field, Int32, List, makeData } from 'apache-arrow'

/** The Arrow type of a column of token ids. */
export const idsType = new List(new Field('item', new Int32(), false))

/** A column of sequences of token ids, copied into one buffer. */
export function idsColumn(sequences: readonly Int32Array[]): Data<List<Int32>> {
  const valueOffsets = new Int32Array(sequences.length + 1)
  sequences.forEach((ids, i) => {
    valueOffsets[i + 1] = valueOffsets[i]! + ids.length
  })
  const values = new Int32Array(valueOffsets[sequences.length]!)
  sequences.forEach((ids, i) => {
    values.set(ids, valueOffsets[i]!)
  })
  const child = makeData({ type: new Int32(), data: values, nullCount: 0 })
  return makeData({ type: idsType, length: sequences.length, nullCount: 0, valueOffsets, child })
}
