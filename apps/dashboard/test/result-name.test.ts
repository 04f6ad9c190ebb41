import { quoteLiteral } from '@isthmus/results/leaderboard-query'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { decodeResult, encodeResult, resultSubject, resultSubjectSql } from '../src/result-name.ts'
import { temporaryResults } from './temporary-results.ts'

const part = fc.string({ unit: fc.constantFrom('%', '~', '2', '5', '7', 'E', '|', '"', '\\', "'", 'λ', ' ') })
const name = fc.record({ study: part, variant: part, pair: part, method: part })

describe('encodeResult', () => {
  it('gives a word that decodeResult reads', () => {
    fc.assert(
      fc.property(name, (result) => {
        expect(decodeResult(encodeResult(result))).toEqual(result)
      }),
    )
  })

  it.each(['', 'a~b~c', 'a~b~c~d~e'])('does not make %j', (word) => {
    expect(decodeResult(word)).toBeNull()
  })
})

describe('resultSubjectSql', () => {
  it('is what resultSubject is', async () => {
    const { results, close } = await temporaryResults()
    await fc.assert(
      fc.asyncProperty(name, async (result) => {
        const columns = Object.entries(result).map(([column, value]) => `${quoteLiteral(value)} as ${column}`)
        const [row] = await results.query(`select ${resultSubjectSql} as subject from (select ${columns.join(', ')})`)
        expect(row).toEqual({ subject: resultSubject(result) })
      }),
      { numRuns: 50 },
    )
    await close()
  })
})
