import { UserError } from '@isthmus/tensor'
import { describe, expect, it } from 'vitest'
import { parseBytes, parseCount } from '../src/option-values.ts'
import { shellQuote } from '../src/shell-quote.ts'

describe('parseBytes', () => {
  it.each([
    ['20GB', 20e9],
    ['1.5 mb', 1.5e6],
    ['512', 512],
  ])('reads %s', (given, bytes) => {
    expect(parseBytes('--memory', given)).toBe(bytes)
  })

  it.each(['much', '-1GB', '2 apples', ''])('refuses %j', (given) => {
    expect(() => parseBytes('--memory', given)).toThrow(
      new UserError(`--memory ${given}: expected a size, as in --memory 20GB`),
    )
  })
})

describe('parseCount', () => {
  it('reads whole numbers', () => {
    expect(parseCount('--limit', '12')).toBe(12)
  })

  it.each(['0', '-1', '1.5', 'all', '1e99'])('refuses %s', (given) => {
    expect(() => parseCount('--limit', given)).toThrow(
      new UserError(`--limit ${given}: expected a whole number of at least 1`),
    )
  })
})

describe('shellQuote', () => {
  it.each([
    ['seeds=1,2', 'seeds=1,2'],
    ['pairs=[[1,2]]', "'pairs=[[1,2]]'"],
    ["it's", "'it'\\''s'"],
    ['', "''"],
  ])('writes %s as %s', (word, quoted) => {
    expect(shellQuote(word)).toBe(quoted)
  })
})
