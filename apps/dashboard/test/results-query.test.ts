import type { Results } from '@isthmus/results'
import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { firstStudiesQuery, leaderboardLimit, leaderboardSql } from '../src/leaderboard-request.ts'
import { columnsOf, defaultColumns } from '../src/result-columns.ts'
import { countQuery, groupings, pageQuery, resultsRequest } from '../src/results-query.ts'
import { sampleMethods, sampleResults, studyRows } from './sample-results.ts'
import { temporaryResults } from './temporary-results.ts'

let results: Results
let close: () => Promise<void>

beforeAll(async () => {
  ;({ results, close } = await temporaryResults())
  for (const rows of sampleResults()) await results.ingest(rows)
})

afterAll(() => close())

const hostile = fc.constantFrom("'; drop table model; --", "%' or 1=1 --", '"', "''", '$1', '\\', 'heads', 'seed-1', '')
const column = fc.constantFrom(...columnsOf.points.map(({ name }) => name))
const params = fc.record({
  rows: fc.constantFrom('', 'points', 'nonsense'),
  study: hostile,
  method: fc.constantFrom('', 'vanilla', "x'y"),
  search: hostile,
  tag: fc.constantFrom('', "it's"),
  pair: hostile,
  low: fc.constantFrom('', '3', 'NaN', 'Infinity', '1; drop table model'),
  group: fc.constantFrom('', ...groupings.points, 'nonsense'),
  sort: fc.oneof(
    column,
    column.map((name) => `-${name}`),
    fc.constant('results; --'),
  ),
  columns: fc.array(column).map((names) => names.join()),
  page: fc.constantFrom('', '0', '1', '-3', 'x', '1e300'),
})

describe('the table of results', () => {
  it('is one query whatever the address says, with the rows that are counted', async () => {
    await fc.assert(
      fc.asyncProperty(params, async (values) => {
        const asked = resultsRequest(new URLSearchParams(values))
        await results.query(pageQuery(asked))
        const request = { ...asked, page: 0 }
        const rows = await results.query(pageQuery(request))
        const [count] = await results.query<{ rows: number }>(countQuery(request))
        expect(rows.length).toBe(Math.min(100, count!.rows))
        if (request.group === '' && request.study !== '') {
          expect(rows.every(({ study }) => study === request.study)).toBe(true)
        }
      }),
      { numRuns: 100 },
    )
    expect(await results.query('select count(*) as n from model')).toEqual([{ n: 4 }])
  })

  it('has columns that there are', () => {
    for (const rowsOf of ['results', 'points'] as const) {
      const names = columnsOf[rowsOf].map(({ name }) => name)
      expect(defaultColumns[rowsOf].filter((name) => !names.includes(name))).toEqual([])
    }
  })
})

describe('the leaderboard', () => {
  it('of a study has the rows that the view has of it', async () => {
    const one = await results.query(leaderboardSql(['amount'], [], '-barrier'))
    expect(one).toHaveLength(2 * sampleMethods.length)
    expect(one).toEqual(
      await results.query(`from leaderboard where study = 'amount' order by variant, barrier desc, method`),
    )
  })

  it('of the first studies has the first rows of all', async () => {
    const { results: many, close: closeMany } = await temporaryResults()
    const swept = Array.from({ length: 9 }, (_, index) => ({ 'alignment.fraction': index / 10 }))
    for (let index = 0; index < 9; index++) await many.ingest(studyRows(`study-${index}`, swept))
    const first = await many.query<{ study: string }>(firstStudiesQuery([]))
    const names = first.map(({ study }) => study)
    expect(names).toEqual(['study-0', 'study-1', 'study-2', 'study-3', 'study-4', 'study-5'])
    expect(await many.query(leaderboardSql(names, [], 'barrier'))).toEqual(
      await many.query(`from leaderboard order by study, variant, barrier, method limit ${leaderboardLimit}`),
    )
    expect(await many.query(firstStudiesQuery(['variant']))).toHaveLength(9)
    await closeMany()
  })

  it('pools pairs of variants that are not told apart', async () => {
    const rows = await results.query(leaderboardSql(['amount'], ['variant'], 'barrier'))
    expect(rows.map(({ method }) => method).sort()).toEqual(sampleMethods)
  })
})
