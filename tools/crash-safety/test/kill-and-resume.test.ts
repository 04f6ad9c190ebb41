import { expect, it } from 'vitest'
import { killAndResume } from '../src/kill-and-resume.ts'

it('ends as an undisturbed run after ten kills and full disks at random moments', async () => {
  const report = await killAndResume({ kills: 10, seed: 20240301 })
  expect(Object.values(report.disturbed).reduce((sum, count) => sum + count, 0)).toBe(10)
  expect(report.results).toBe(16)
  expect(report.rows).toBeGreaterThan(30)
  expect(report).toMatchObject({ differing: [], differingRows: 0, faults: 0, leftOvers: [], badEnds: [] })
}, 300_000)
