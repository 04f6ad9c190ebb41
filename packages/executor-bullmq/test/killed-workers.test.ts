import { describe, expect, it } from 'vitest'
import { sweep } from './sweep.ts'

/** `bench/killed-workers.ts` is the same with more of all. */
describe('a sweep over workers that are killed', () => {
  it('ends every node once, with the digests of the local executor', async () => {
    const report = await sweep({ nodes: 80, workers: 2, killSeconds: 3, redisDies: [] })
    expect(report.result.failures).toEqual([])
    expect(report.result.counts).toMatchObject({ ran: 80 })
    expect(report.different).toEqual([])
    expect(report.recorded).toBe(80)
    expect(report.workersKilled).toBeGreaterThanOrEqual(1)
  })

  it('does so when Redis is killed, too, and comes back empty', async () => {
    const report = await sweep({ nodes: 80, workers: 2, killSeconds: 5, redisDies: [3] })
    expect(report.result.failures).toEqual([])
    expect(report.result.counts).toMatchObject({ ran: 80 })
    expect(report.different).toEqual([])
    expect(report.recorded).toBe(80)
    expect(report.redisKilled).toBe(1)
    expect(report.addedAgain).toBeGreaterThanOrEqual(1)
  })
})
