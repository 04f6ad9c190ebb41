import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { shuffledRows } from '../src/index.ts'

describe('shuffledRows', () => {
  it('gives each row once an epoch, whatever was asked for before', () => {
    const sizes = fc.record({ count: fc.integer({ min: 1, max: 40 }), batchSize: fc.integer({ min: 1, max: 50 }) })
    fc.assert(
      fc.property(sizes, fc.nat(9), fc.nat(3), ({ count, batchSize }, seed, epoch) => {
        const { stepsPerEpoch, rows } = shuffledRows(count, { batchSize, seed })
        const steps = Array.from({ length: stepsPerEpoch }, (_, i) => epoch * stepsPerEpoch + i)
        const batches = steps.map(rows)
        expect(batches.flat().sort((a, b) => a - b)).toEqual(Array.from({ length: count }, (_, row) => row))
        for (const batch of batches.slice(0, -1)) expect(batch).toHaveLength(Math.min(batchSize, count))
        const again = shuffledRows(count, { batchSize, seed })
        expect(steps.toReversed().map(again.rows).toReversed()).toEqual(batches)
      }),
    )
  })

  it('orders rows anew with each epoch and seed', () => {
    const { rows } = shuffledRows(100, { batchSize: 100, seed: 1 })
    expect(rows(0)).not.toEqual(rows(1))
    expect(shuffledRows(100, { batchSize: 100, seed: 2 }).rows(0)).not.toEqual(rows(0))
  })
})
