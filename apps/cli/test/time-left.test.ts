import { defineOperation, type Node } from '@isthmus/dataflow'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { z } from 'zod'
import { TimeLeft } from '../src/time-left.ts'

const operation = (id: string) =>
  defineOperation({
    id,
    version: 1,
    inputs: {},
    params: z.object({ i: z.number() }),
    value: z.null(),
    run: async () => null,
  })
const [short, long] = [operation('short'), operation('long')]

const timeLeft = (slots: number, expected: Readonly<Record<string, number>>) =>
  new TimeLeft({ slots, expected: () => new Map(Object.entries(expected)) })

/** Begin and end steps one after the other. */
function compute(left: TimeLeft, nodes: readonly Node[], seconds: number, start = 0): number {
  let now = start
  for (const node of nodes) {
    left.started(node, now)
    now += seconds
    left.ended(node, seconds)
  }
  return now
}

const nodes = (of: typeof short, count: number) => Array.from({ length: count }, (_, i) => of.node({}, { i }))

describe('TimeLeft', () => {
  it('knows which steps are left, not only how many', () => {
    const left = timeLeft(1, { short: 1, long: 100 })
    left.planned(
      new Map([
        ['short', 10],
        ['long', 2],
      ]),
    )
    const now = compute(left, nodes(short, 10), 1)
    expect(left.seconds(now)).toBeCloseTo(200)
  })

  it('learns from what steps take here', () => {
    const left = timeLeft(1, { short: 1 })
    left.planned(new Map([['short', 1000]]))
    const now = compute(left, nodes(short, 500), 3)
    expect(left.seconds(now)! / 500).toBeGreaterThan(2.9)
  })

  it('goes by the number of steps where nothing is known of them', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 20 }), fc.integer({ min: 1, max: 20 }), (done, more) => {
        const left = timeLeft(1, {})
        left.planned(
          new Map([
            ['short', done],
            ['long', more],
          ]),
        )
        const now = compute(left, nodes(short, done), 2)
        expect(left.seconds(now)).toBeCloseTo(2 * more)
      }),
    )
  })

  it('says nothing before anything is known', () => {
    const left = timeLeft(2, {})
    left.planned(new Map([['short', 2]]))
    expect(left.seconds(0)).toBeNull()
    left.started(nodes(short, 1)[0]!, 0)
    expect(left.seconds(5)).toBeNull()
  })

  it('takes off what is done of steps that run, by what they say or by the clock', () => {
    const left = timeLeft(2, { long: 10 })
    left.planned(new Map([['long', 4]]))
    const [a, b] = nodes(long, 2)
    left.started(a!, 0)
    left.started(b!, 0)
    left.progressed(a!, 0.9)
    expect(left.seconds(2)).toBeCloseTo((10 * (4 - 0.9 - 0.2)) / 2)
    expect(left.seconds(1000)).toBeCloseTo((10 * (4 - 0.9 - 1)) / 2)
  })

  it('comes to nothing when all has ended, however it ended', () => {
    const left = timeLeft(4, { short: 1 })
    left.planned(new Map([['short', 3]]))
    const [computed, cached, failed] = nodes(short, 3)
    const now = compute(left, [computed!], 1)
    left.ended(cached!, null)
    left.ended(failed!, null)
    expect(left.seconds(now)).toBe(0)
  })
})
