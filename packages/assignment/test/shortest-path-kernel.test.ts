import { readFileSync } from 'node:fs'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import initWabt from 'wabt'
import { columnScan, shortestPathKernelBase64 } from '../src/shortest-path-kernel.ts'

test('the kernel is its source, assembled', async () => {
  const wabt = await initWabt()
  const source = readFileSync(new URL('../src/shortest-path-kernel.wat', import.meta.url), 'utf8')
  const { buffer } = wabt.parseWat('shortest-path-kernel.wat', source, { simd: true }).toBinary({})
  expect(Buffer.from(buffer).toString('base64')).toBe(shortestPathKernelBase64)
})

interface Column {
  readonly cost: number
  readonly price: number
  readonly distance: number
  readonly rowOf: number
  readonly done: boolean
}

/** Few values, so that distances tie. */
const value = fc.oneof(fc.integer({ min: -2, max: 2 }), fc.double({ min: -1, max: 1, noNaN: true }))

const columns = fc
  .array(
    fc.record<Column>({
      cost: value,
      price: value,
      distance: fc.oneof(value, fc.constant(Infinity)),
      rowOf: fc.integer({ min: -1, max: 3 }),
      done: fc.boolean(),
    }),
    { minLength: 1, maxLength: 40 },
  )
  .filter((all) => all.some(({ done }) => !done))

/** The same by a loop. */
function relaxed(all: readonly Column[], shift: number) {
  const distances = all.map(({ cost, price, distance, done }) =>
    done ? Infinity : Math.min(distance, cost - price - shift),
  )
  const least = Math.min(...distances)
  const nearest = [...all.keys()].filter((column) => distances[column] === least)
  return { distances, nearest: nearest.find((column) => all[column]!.rowOf === -1) ?? nearest[0] }
}

test('a step takes the shorter distances, and finds the nearest column: a free one, then the lowest', () => {
  fc.assert(
    fc.property(columns, value, (all, shift) => {
      const scan = columnScan(all.length)
      for (const [column, { cost, price, distance, rowOf, done }] of all.entries()) {
        scan.cost[column] = cost
        scan.price[column] = done ? -Infinity : price
        scan.distance[column] = done ? Infinity : distance
        scan.rowOf[column] = rowOf
      }
      scan.predecessor.fill(7)
      const { distances, nearest } = relaxed(all, shift)
      expect(scan.relax(9, shift)).toBe(nearest)
      expect([...scan.distance].map((distance) => distance + 0)).toEqual(distances.map((distance) => distance + 0))
      const shortened = all.map(({ distance, done }, column) => !done && distances[column]! < distance)
      expect([...scan.predecessor]).toEqual(shortened.map((is) => (is ? 9 : 7)))
    }),
    { numRuns: 500 },
  )
})

test('the memory grows with the number of columns, and what a larger scan leaves disturbs no smaller one', () => {
  for (const size of [3, 5000, 6, 20_001, 1]) {
    const scan = columnScan(size)
    scan.cost.forEach((_, column) => {
      scan.cost[column] = size - column
    })
    scan.price.fill(0)
    scan.distance.fill(Infinity)
    scan.rowOf.fill(0)
    expect(scan.relax(0, 0)).toBe(size - 1)
    expect(scan.distance[0]).toBe(size)
  }
})
