import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { boxSize, type LineageNode, layOut } from '../src/lineage.ts'

/** Graphs without cycles: a box is made from earlier ones. */
const nodes = fc
  .array(fc.array(fc.nat(30), { maxLength: 4 }), { minLength: 1, maxLength: 25 })
  .map((all): LineageNode[] =>
    all.map((from, index) => ({
      id: String(index),
      kind: 'step',
      title: '',
      detail: '',
      digests: [],
      from: [...new Set(from.filter((other) => other < index).map(String))],
    })),
  )

describe('layOut', () => {
  it('puts each box to the right of what it is made from, apart from others, inside the frame', () => {
    fc.assert(
      fc.property(nodes, (all) => {
        const { nodes: placed, edges, width, height } = layOut(all)
        expect(edges).toHaveLength(all.reduce((sum, { from }) => sum + from.length, 0))
        for (const one of placed) {
          expect(one.x - boxSize.width / 2).toBeGreaterThanOrEqual(0)
          expect(one.x + boxSize.width / 2).toBeLessThanOrEqual(width)
          expect(one.y + boxSize.height / 2).toBeLessThanOrEqual(height)
          for (const source of one.from) expect(placed.find(({ id }) => id === source)!.x).toBeLessThan(one.x)
          for (const other of placed) {
            if (other.id === one.id) continue
            const apart =
              Math.abs(one.x - other.x) >= boxSize.width - 1e-6 || Math.abs(one.y - other.y) >= boxSize.height - 1e-6
            expect(apart).toBe(true)
          }
        }
      }),
      { numRuns: 50 },
    )
  })
})
