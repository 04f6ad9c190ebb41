import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { groupFeatures, groupRows, groupTokens, type RowGroup } from '../src/group-rows.ts'
import type { FeatureRows } from '../src/index.ts'
import { collect, drawRows, inBatches } from './drawn-rows.ts'

function joined(group: RowGroup): FeatureRows {
  const names = [...group[0]!.features.keys()]
  return { ...groupTokens(group), features: new Map(names.map((name) => [name, groupFeatures(group, name)])) }
}

describe('groupRows', () => {
  it('cuts any batches into groups of one size, all rows in their order', async () => {
    const sizes = fc.array(fc.integer({ min: 1, max: 12 }), { minLength: 1, maxLength: 4 })
    const size = fc.integer({ min: 1, max: 15 })
    const property = fc.asyncProperty(fc.nat({ max: 40 }), sizes, size, async (count, batchSizes, groupSize) => {
      const rows = drawRows(count, { x: 2, y: 3 }, 1)
      const groups = await collect(groupRows(inBatches(rows, batchSizes), groupSize))
      expect(groups.map(joined)).toEqual(await collect(inBatches(rows, [groupSize])))
    })
    await fc.assert(property)
  })

  it('copies nothing but the features of a group that spans batches', async () => {
    const [rows] = await collect(inBatches(drawRows(10, { x: 2 }, 2), [10]))
    async function* once() {
      yield rows!
    }
    const groups = await collect(groupRows(once(), 4))
    expect(groups).toHaveLength(3)
    for (const group of groups) expect(groupFeatures(group, 'x').data.buffer).toBe(rows!.features.get('x')!.data.buffer)
  })
})
