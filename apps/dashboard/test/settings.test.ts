import { describe, expect, it } from 'vitest'
import { csvOf } from '../src/csv.ts'
import { flatten, formatDuration, formatValue, parseTime } from '../src/format.ts'
import { rerunCommand } from '../src/rerun-command.ts'
import { differingSettings, variantSettings } from '../src/settings.ts'

describe('variantSettings', () => {
  it('finds the settings of a variant by what the study varies', () => {
    const run = JSON.stringify([{ alignment: { fraction: 0.1, seed: 0 } }, { alignment: { fraction: 0.5, seed: 0 } }])
    expect(variantSettings(run, '{"alignment.fraction":0.5}')).toEqual({ alignment: { fraction: 0.5, seed: 0 } })
    expect(variantSettings(run, '{}')).toEqual({ alignment: { fraction: 0.1, seed: 0 } })
  })
})

describe('differingSettings', () => {
  it('names what differs, and what only some have', () => {
    expect(
      differingSettings([
        { a: 1, b: [1, 2], c: 3 },
        { a: 1, b: [1, 3] },
      ]),
    ).toEqual(['b', 'c'])
    expect(differingSettings([{ a: 1 }])).toEqual([])
  })
})

describe('rerunCommand', () => {
  it('is quoted for a shell', () => {
    const name = { study: "it's", variant: 'x', pair: 'seed-1|seed-2', method: 'ffn' }
    expect(
      rerunCommand(name, {
        settings: { 'alignment.fraction': 0.5, methods: ['ffn'], pairs: 'all', wikitext: 'a b.raw' },
        models: ['seed-1', 'seed-2'],
        isTask: true,
      }),
    ).toBe(
      `npx isthmus run 'it'\\''s' --set alignment.fraction=0.5 --set 'methods=["ffn"]' --set pairs=all --set 'wikitext=a b.raw' --only '*seed-1 and seed-2 by ffn *' ` +
        `--only '*loss of seed-1 on *' --only '*loss of seed-2 on *'`,
    )
  })
})

describe('csvOf', () => {
  it('quotes what needs it', () => {
    const columns = [
      { name: 'a', type: 'VARCHAR' },
      { name: 'b "c"', type: 'DOUBLE' },
    ]
    expect(csvOf({ columns, rows: [['x,\ny', null]] })).toBe('a,"b ""c"""\r\n"x,\ny",\r\n')
  })
})

describe('what is written', () => {
  it('has leaves of settings by dotted names', () => {
    expect(flatten({ a: { b: 1, c: { d: null } }, e: [1, { f: 2 }] })).toEqual({
      'a.b': 1,
      'a.c.d': null,
      e: [1, { f: 2 }],
    })
  })

  it('has no negative zero', () => {
    expect(formatValue(-0.0001, 'nats')).toBe('0.000')
    expect(formatValue(-0.25, 'nats')).toBe('−0.250')
  })

  it('has durations and times', () => {
    expect([9.94, 42, 150, 7300].map(formatDuration)).toEqual(['9.9 s', '42 s', '3 min', '2 h 2 min'])
    for (const time of ['2026-01-31 12:00:00', '2026-01-31T12:00:00Z', '2026-01-31 13:00:00+01']) {
      expect(parseTime(time).toISOString()).toBe('2026-01-31T12:00:00.000Z')
    }
  })
})
