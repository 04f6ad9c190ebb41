import { createHash } from 'node:crypto'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { canonicalDigest, canonicalJson, digest } from '../src/index.ts'

const json = fc.jsonValue({ noUnicodeString: false })

describe('canonicalJson', () => {
  it('gives the same text for equal values and only for those', () => {
    fc.assert(
      fc.property(json, json, (left, right) => {
        const areEqual = JSON.stringify(asLists(left)) === JSON.stringify(asLists(right))
        expect(canonicalJson(left) === canonicalJson(right)).toBe(areEqual)
        expect(canonicalJson(JSON.parse(canonicalJson(left)))).toBe(canonicalJson(left))
      }),
    )
  })

  it('does not depend on the order of keys', () => {
    fc.assert(
      fc.property(fc.dictionary(fc.string(), json), (record) => {
        const reversed = Object.fromEntries(Object.entries(record).reverse())
        expect(canonicalJson(reversed)).toBe(canonicalJson(record))
      }),
    )
  })

  it('keeps apart what looks alike', () => {
    const values = [1, '1', true, 'true', null, 'null', 0, '', false, [], {}, [1], ['1'], [[1]], { a: 1 }, [['a', 1]]]
    const composed = ['\u00e9', 'e\u0301', '\ud800', '\\ud800', '\ufffd']
    const texts = [...values, ...composed].map((value) => canonicalJson(value))
    expect(new Set(texts).size).toBe(texts.length)
    expect(new Set([...values, ...composed].map((value) => canonicalDigest(value))).size).toBe(texts.length)
  })

  it('writes −0 as 0 and sorts keys by UTF-16 code units', () => {
    expect(canonicalJson({ b: -0, '\u{1f600}': 1, '\uffff': 2, a: 0.1 })).toBe(
      '{"a":0.1,"b":0,"\u{1f600}":1,"\uffff":2}',
    )
  })

  it.each([
    [{ a: [0, Number.NaN] }, 'a.1 is NaN'],
    [{ a: { b: Number.POSITIVE_INFINITY } }, 'a.b is Infinity'],
    [{ a: undefined }, 'a is undefined'],
    [[1n], '0 is bigint'],
    [() => 1, 'the value is function'],
    [{ at: new Date(0) }, 'at is an instance of Date'],
    [new Float32Array(1), 'the value is an instance of Float32Array'],
    [Array(1), '0 is undefined'],
    [{ [Symbol('s')]: 1 }, 'the value is a symbol as a key'],
  ])('refuses %o', (value, where) => {
    expect(() => canonicalJson(value)).toThrow(`${where}, which JSON cannot hold`)
  })

  it('refuses a cycle, and takes the same object twice', () => {
    const cycle: Record<string, unknown> = {}
    cycle.self = { cycle }
    expect(() => canonicalJson(cycle)).toThrow('self.cycle is a cycle')
    const shared = { a: 1 }
    expect(canonicalJson([shared, shared])).toBe('[{"a":1},{"a":1}]')
  })
})

describe('canonicalDigest', () => {
  it('is the SHA-256 of the UTF-8 of the canonical text', () => {
    fc.assert(
      fc.property(json, (value) => {
        const expected = createHash('sha256')
          .update(Buffer.from(canonicalJson(value), 'utf8'))
          .digest('hex')
        expect(canonicalDigest(value)).toBe(expected)
      }),
    )
  })
})

describe('digest', () => {
  it('takes 64 hexadecimal characters and nothing else', () => {
    const text = 'a'.repeat(64)
    expect(digest(text)).toBe(text)
    expect(() => digest('abc')).toThrow(
      "'abc' is not a digest: expected 64 lower-case hexadecimal characters, found 3 characters; copy the whole digest.",
    )
  })
})

/** The oracle: a value with its objects as lists of entries in order, arrays told apart from them. */
function asLists(value: unknown): unknown {
  if (Array.isArray(value)) return ['array', ...value.map(asLists)]
  if (value === null || typeof value !== 'object') return value
  const entries = Object.entries(value).sort(([left], [right]) => (left < right ? -1 : 1))
  return ['object', ...entries.map(([key, child]) => [key, asLists(child)])]
}
