import { expect, it } from 'vitest'
import { runAtOnce } from '../src/at-once.ts'

it('computes nothing twice in two runs at once, of which one is killed, and ends as an undisturbed run', async () => {
  const report = await runAtOnce({ processes: 2, kill: true })
  expect(report.exitCodes).toEqual([0])
  expect(report.computed.length).toBe(1)
  expect(report.computedByKilled).toBeLessThan(16)
  expect(report.results).toBe(16)
  expect(report).toMatchObject({ doubled: [], overlapping: [] })
  expect(report).toMatchObject({ differing: [], differingRows: 0, faults: 0, leftOvers: [] })
}, 300_000)
