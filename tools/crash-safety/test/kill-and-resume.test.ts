import { expect, it } from 'vitest'
import { killAndResume, smallStudy } from '../src/kill-and-resume.ts'

it('ends as an undisturbed run after ten kills and full disks at random moments', async () => {
  const report = await killAndResume({ kills: 10, seed: 20240301, study: smallStudy })
  expect(Object.values(report.disturbed).reduce((sum, count) => sum + count, 0)).toBe(10)
  expect(report.results).toBe(20)
  expect(report.rows).toBeGreaterThan(30)
  expect(report).toMatchObject({ differing: [], differingRows: 0, faults: 0, leftOvers: [], unexplained: [] })
}, 300_000)
