import { UserError } from '@isthmus/tensor'
import { describe, expect, it } from 'vitest'
import { formatRows, rowFormat } from '../src/format-rows.ts'

const table = {
  columns: ['method', 'max |Δ|'],
  rows: [
    ['a, b', 0.123456],
    ['c', null],
  ] as const,
}

describe('formatRows', () => {
  it('keeps every digit in csv and json, and rounds for reading', () => {
    expect(formatRows(table, 'csv')).toBe('method,max |Δ|\n"a, b",0.123456\nc,\n')
    expect(JSON.parse(formatRows(table, 'json'))).toEqual([
      { method: 'a, b', 'max |Δ|': 0.123456 },
      { method: 'c', 'max |Δ|': null },
    ])
    expect(formatRows(table, 'table')).toContain('0.1235')
  })

  it('escapes what would end a cell of a markdown table', () => {
    const [head, rule, first] = formatRows(table, 'markdown').split('\n')
    expect(head).toContain('max \\|Δ\\|')
    const cells = (line: string) => line.split(/(?<!\\)\|/).length
    expect(new Set([head, rule, first].map((line) => cells(line!))).size).toBe(1)
  })

  it('names the formats', () => {
    expect(() => rowFormat('xml')).toThrow(new UserError('--format xml: the formats are table, json, csv, markdown'))
  })
})
