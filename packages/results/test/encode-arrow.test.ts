import { tableFromIPC } from 'apache-arrow'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { encodeArrow } from '../src/encode-arrow.ts'
import type { JsonValue, QueryResult } from '../src/index.ts'

const text = fc.oneof(fc.string(), fc.string({ unit: 'grapheme' }))
/** DuckDB's types, and what a `QueryResult` has of them. */
const kinds: Readonly<Record<string, fc.Arbitrary<JsonValue>>> = {
  DOUBLE: fc.double(),
  BIGINT: fc.maxSafeInteger(),
  'DECIMAL(18,3)': fc.double(),
  HUGEINT: fc.oneof(fc.maxSafeInteger(), fc.bigInt({ min: 2n ** 60n, max: 2n ** 90n }).map(String)),
  BOOLEAN: fc.boolean(),
  VARCHAR: text,
  DATE: fc
    .date({ noInvalidDate: true, min: new Date(0), max: new Date('2200') })
    .map((d) => d.toISOString().slice(0, 10)),
  TIMESTAMP: fc
    .date({ noInvalidDate: true, min: new Date(0), max: new Date('2200') })
    .map((d) => d.toISOString().slice(0, -1)),
  'DOUBLE[]': fc.array(fc.integer()),
  'STRUCT(x VARCHAR)': fc.record({ x: text }),
}

const result: fc.Arbitrary<QueryResult> = fc
  .record({
    types: fc.array(fc.constantFrom(...Object.keys(kinds)), { minLength: 1, maxLength: 8 }),
    length: fc.nat(20),
  })
  .chain(({ types, length }) =>
    fc
      .array(fc.tuple(...types.map((type) => fc.option(kinds[type]!))), { minLength: length, maxLength: length })
      .map((rows) => ({
        columns: types.map((type, index) => ({ name: index % 2 === 0 ? `${type} "${index}"` : `${9 - index}`, type })),
        rows,
      })),
  )

/** What a reader of Arrow finds for a value of JSON. */
function expected(type: string, value: JsonValue, isText: boolean): unknown {
  if (value === null) return null
  if (type === 'DATE') return Date.parse(String(value))
  if (type === 'TIMESTAMP') return Date.parse(`${value}Z`)
  if (isText) return typeof value === 'string' ? value : JSON.stringify(value)
  return value
}

describe('encodeArrow', () => {
  it('has every value, in every order, with the columns’ names', () => {
    fc.assert(
      fc.property(result, (given) => {
        const table = tableFromIPC(encodeArrow(given))
        expect(table.schema.fields.map(({ name }) => name)).toEqual(given.columns.map(({ name }) => name))
        given.columns.forEach(({ name, type }, column) => {
          const values = given.rows.map((row) => row[column]!)
          const vector = table.getChild(name)
          const isText = String(vector?.type).startsWith('Dictionary')
          if (['DOUBLE', 'BIGINT', 'DECIMAL(18,3)'].includes(type)) expect(String(vector?.type)).toBe('Float64')
          expect([...(vector ?? [])]).toEqual(values.map((value) => expected(type, value, isText)))
        })
      }),
      { numRuns: 200, seed: 8 },
    )
  })

  it('has the columns where there are no rows', () => {
    const columns = [
      { name: 'loss', type: 'DOUBLE' },
      { name: 'study', type: 'VARCHAR' },
    ]
    const table = tableFromIPC(encodeArrow({ columns, rows: [] }))
    expect(table.numRows).toBe(0)
    expect(table.schema.fields.map(({ type }) => String(type))).toEqual(['Float64', 'Dictionary<Int32, Utf8>'])
  })
})
