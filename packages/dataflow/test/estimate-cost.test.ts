import { describe, expect, it } from 'vitest'
import { estimateCost, expectedSeconds, explain } from '../src/index.ts'
import { concatenate, measure, wait, writeText } from './dummy-operations.ts'
import { runDummies, temporaryCache } from './temporary-cache.ts'

describe('estimateCost', () => {
  it('multiplies what earlier nodes of an operation took by the number of those to come', async () => {
    const cache = await temporaryCache()
    const waits = [10, 30].map((milliseconds, i) => wait.node({}, { name: `past ${i}`, milliseconds }))
    await runDummies(cache, [...waits, writeText.node({}, { text: 'four' }), writeText.node({}, { text: 'sixsix' })])
    const recorded = [...cache.actions.records()].filter(({ operation }) => operation === 'dummy.wait')
    const mean = recorded.reduce((sum, { seconds }) => sum + seconds, 0) / 2

    const expected = expectedSeconds(['dummy.wait', 'dummy.measure'], { cache })
    expect(expected).toEqual(new Map([['dummy.wait', mean]]))

    const parts = ['new', 'newer', 'newest', 'four'].map((text) => writeText.node({}, { text }))
    const joined = concatenate.node({ parts }, { separator: '' })
    const targets = [wait.node({}, { name: 'new', milliseconds: 5 }), waits[0]!, measure.node({ of: joined }, {})]
    const estimates = estimateCost(await explain(targets, { cache }), { cache })
    expect(Object.fromEntries(estimates.map(({ operation, ...estimate }) => [operation, estimate]))).toEqual({
      'dummy.wait': { nodes: 1, seconds: mean, bytes: 0 },
      'dummy.writeText': { nodes: 3, seconds: expect.any(Number), bytes: 15 },
      'dummy.concatenate': { nodes: 1, seconds: null, bytes: null },
      'dummy.measure': { nodes: 1, seconds: null, bytes: null },
    })
  })

  it('says nothing of what is cached', async () => {
    const cache = await temporaryCache()
    const target = writeText.node({}, { text: 'cached' })
    await runDummies(cache, [target])
    expect(estimateCost(await explain([target], { cache }), { cache })).toEqual([])
  })
})
