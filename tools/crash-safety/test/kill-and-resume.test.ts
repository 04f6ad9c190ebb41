import { expect, it } from 'vitest'
import { killAndResume, smallStudy } from '../src/kill-and-resume.ts'

it('ends with the digests of an undisturbed run after SIGKILLs at ten random moments', async () => {
  const report = await killAndResume({ kills: 10, seed: 20240301, study: smallStudy })
  expect(report.kills).toBe(10)
  expect(report.results).toBe(20)
  expect(report.differing).toEqual([])
  expect(report.faults).toBe(0)
}, 300_000)
