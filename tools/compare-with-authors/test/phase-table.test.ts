import { describe, expect, it } from 'vitest'
import { agreementText, medianTimes, phaseTable, studyTable } from '../src/phase-table.ts'

const both = (seconds: number) => ({ processor: seconds, wall: 2 * seconds })

describe('medianTimes', () => {
  it('takes the median of each phase, and of the runs’ sums', () => {
    const times = medianTimes([
      { phases: { load: both(1), evaluation: both(10) } },
      { phases: { load: both(3), evaluation: both(20) } },
      { phases: { load: both(8), evaluation: both(6) } },
    ])
    expect(times.get('load')).toEqual(both(3))
    expect(times.get('evaluation')).toEqual(both(10))
    expect(times.get('total')).toEqual(both(14))
    expect(times.get('matching')).toEqual(both(0))
  })

  it('takes the mean of the two in the middle', () => {
    const runs = [1, 2, 4, 9].map((seconds) => ({ phases: { load: both(seconds) } }))
    expect(medianTimes(runs).get('load')).toEqual(both(3))
  })
})

describe('phaseTable', () => {
  it('shows how many times as long theirs took, without phases that neither had', () => {
    const ours = medianTimes([{ phases: { load: both(0.5), evaluation: both(2) } }])
    const theirs = medianTimes([{ phases: { load: both(1), evaluation: both(9) } }])
    expect(phaseTable(ours, theirs).split('\n')).toEqual([
      'seconds of  processor: ours  theirs  ratio  wall: ours  theirs  ratio',
      'load                   0.50    1.00   2.00        1.00    2.00   2.00',
      'evaluation             2.00    9.00   4.50        4.00   18.00   4.50',
      'total                  2.50   10.00   4.00        5.00   20.00   4.00',
    ])
  })
})

describe('studyTable', () => {
  it('sums one pair of each method, and says that the pairs are extrapolated', () => {
    const theirs = new Map([
      ['vanilla', both(10)],
      ['ffn', both(20)],
    ])
    expect(studyTable({ ours: { processor: 30, wall: 20 }, theirs, pairs: 6 }).split('\n')).toEqual([
      'seconds                           processor   wall',
      'theirs, one pair, vanilla              10.0   20.0',
      'theirs, one pair, ffn                  20.0   40.0',
      'theirs, × 6 pairs (extrapolated)      180.0  360.0',
      'ours, the whole study (measured)       30.0   20.0',
      'ratio                                  6.00  18.00',
    ])
  })
})

describe('agreementText', () => {
  it('says how much permutations differ, where they do', () => {
    const agreement = { correlation: 1e-6, entries: 64, differing: 0, objective: 0, loss: 2e-6 }
    expect(agreementText(agreement)).toBe(
      'largest difference of a correlation: 1.0e-6\n' +
        'entries of the permutations that differ: 0 of 64\n' +
        'largest difference of a loss: 2.0e-6 nats',
    )
    expect(agreementText({ ...agreement, differing: 2, objective: 3e-9 })).toContain(
      '2 of 64; the mean correlations that they reach differ by at most 3.0e-9',
    )
  })

  it('says nothing of correlations where none are matched', () => {
    const vanilla = { correlation: null, entries: 0, differing: 0, objective: 0, loss: 0 }
    expect(agreementText(vanilla)).toBe('largest difference of a loss: 0.0e+0 nats')
  })
})
