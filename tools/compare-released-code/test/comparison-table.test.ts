import { describe, expect, it } from 'vitest'
import type { Comparison } from '../src/compare-released-code.ts'
import { agrees, comparisonTable } from '../src/comparison-table.ts'

const within: Comparison = { method: 'ffn', quantity: 'loss', theirs: 3.5, ours: 3.50005, bound: 1e-4, note: '' }
const beyond: Comparison = { ...within, method: 'vanilla', ours: 3.6, note: 'with our permutations' }

describe('comparisonTable', () => {
  it('lays out figures in columns and ends with the verdict', () => {
    expect(comparisonTable([within]).split('\n')).toEqual([
      'method  quantity    theirs      ours  difference  bound',
      'ffn     loss      3.500000  3.500050      5.0e-5   1e-4  agrees',
      '',
      'All 1 figures agree with the released code’s within their bounds.',
    ])
  })

  it('says what differs, and how many figures do', () => {
    const lines = comparisonTable([within, beyond]).split('\n')
    expect(lines[2]).toBe('vanilla  loss      3.500000  3.600000      1.0e-1   1e-4  DIFFERS  with our permutations')
    expect(lines.at(-1)).toBe('1 of 2 figures differ from the released code’s by more than their bounds.')
    expect([within, beyond].map(agrees)).toEqual([true, false])
  })

  it('takes a figure that is no number for one that differs', () => {
    expect(agrees({ ...within, ours: Number.NaN })).toBe(false)
  })
})
