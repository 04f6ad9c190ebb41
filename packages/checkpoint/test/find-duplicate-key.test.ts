import fc from 'fast-check'
import { expect, test } from 'vitest'
import { findDuplicateKey } from '../src/find-duplicate-key.ts'

test('no object that JSON.stringify writes has a duplicate', () => {
  fc.assert(
    fc.property(fc.jsonValue({ stringUnit: 'binary' }), fc.nat({ max: 4 }), (value, indent) => {
      expect(findDuplicateKey(JSON.stringify(value, null, indent))).toBeNull()
    }),
  )
})

test('a name given twice is found at any depth, between any values, however it is escaped', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary' }), fc.array(fc.jsonValue()), fc.jsonValue(), (name, path, value) => {
      const escaped = `"${[...Array(name.length).keys()]
        .map((i) => `\\u${name.charCodeAt(i).toString(16).padStart(4, '0')}`)
        .join('')}"`
      const twice = `{${JSON.stringify(name)} : ${JSON.stringify(value)},\n${escaped}\t:${JSON.stringify(value)}}`
      const nested = path.reduce<string>((inner, before) => `[${JSON.stringify(before)}, {"k": ${inner}}]`, twice)
      expect(findDuplicateKey(nested)).toBe(name)
    }),
  )
})

test('the same name in two objects, and a value that equals a name, are no duplicates', () => {
  expect(findDuplicateKey('{"a": {"b": 1}, "c": {"b": 1}, "d": "a", "e": ["a", "a", "x\\": "]}')).toBeNull()
})

test('a string of ten million characters and a nesting of a hundred thousand are scanned', () => {
  expect(findDuplicateKey(`{"${'\\"'.repeat(5_000_000)}": 1}`)).toBeNull()
  expect(findDuplicateKey(`${'['.repeat(100_000)}{"a": 1, "a": 2}${']'.repeat(100_000)}`)).toBe('a')
})
