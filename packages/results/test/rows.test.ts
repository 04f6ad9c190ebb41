import { describe, expect, it } from 'vitest'
import type { ResultRows } from '../src/index.ts'
import { checkRows } from '../src/rows.ts'
import { curvePoint, oneOfEach, studyRun } from './sample-rows.ts'

describe('checkRows', () => {
  it('accepts a row of each kind', () => {
    expect(() => checkRows(oneOfEach)).not.toThrow()
  })

  it.each([
    [{ points: [] }, 'Result rows have no list "points"'],
    [{ studyRuns: [{ ...studyRun(), nodesRan: 1.5 }] }, 'studyRuns[0].nodesRan is 1.5, expected integer'],
    [{ studyRuns: [{ ...studyRun(), startedAt: 'today' }] }, 'studyRuns[0].startedAt is "today", expected timestamp'],
    [{ studyRuns: [{ ...studyRun(), settings: undefined }] }, 'studyRuns[0].settings is undefined, expected json'],
    [{ studyRuns: [{ ...studyRun(), seconds: undefined }] }, 'studyRuns[0].seconds is undefined, expected number?'],
    [{ studyRuns: [{ ...studyRun(), lam: 1 }] }, 'studyRuns[0] has an unknown field "lam"'],
    [
      { studyRuns: [studyRun()], curvePoints: [curvePoint(), { ...curvePoint(), loss: null }] },
      'curvePoints[1].loss is null, expected number',
    ],
    [
      { studyRuns: [studyRun()], curvePoints: [curvePoint({ run: 'run-2' })] },
      'curvePoints[0] belongs to run "run-2" of study "heads", which studyRuns lacks',
    ],
  ])('names the list, the row and the field %#', (rows, sentence) => {
    expect(() => checkRows(rows as ResultRows)).toThrow(new TypeError(sentence))
  })
})
