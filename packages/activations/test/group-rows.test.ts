import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { groupRows } from '../src/group-rows.ts'
import { collect, collectCopies, drawRows, inBatches } from './drawn-rows.ts'

describe('groupRows', () => {
  it('cuts any batches into groups of one size, all rows in their order', async () => {
    const sizes = fc.array(fc.integer({ min: 1, max: 12 }), { minLength: 1, maxLength: 4 })
    const size = fc.integer({ min: 1, max: 15 })
    const property = fc.asyncProperty(fc.nat({ max: 40 }), sizes, size, async (count, batchSizes, groupSize) => {
      const rows = drawRows(count, { x: 2, y: 3 }, 1)
      const groups = await collectCopies(groupRows(inBatches(rows, batchSizes), groupSize))
      expect(groups).toEqual(await collect(inBatches(rows, [groupSize])))
    })
    await fc.assert(property)
  })

  it('fills the same buffers again and again', async () => {
    const groups = await collect(groupRows(inBatches(drawRows(10, { x: 2 }, 2), [3]), 4))
    expect(groups.map(({ sequence }) => sequence.length)).toEqual([4, 4, 2])
    expect(new Set(groups.map(({ features }) => features.get('x')!.data.buffer)).size).toBe(1)
  })
})
