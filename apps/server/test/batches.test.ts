import { setTimeout as sleep } from 'node:timers/promises'
import { describe, expect, it } from 'vitest'
import { Batches } from '../src/batches.ts'

/** Batches as they are written, each of which takes a moment. */
function written(write: (items: readonly string[]) => void = () => {}) {
  const all: string[][] = []
  const batches = new Batches<string>(async (items) => {
    all.push([...items])
    await sleep(20)
    write(items)
  })
  return { all, batches }
}

describe('items', () => {
  it('are written together that come while others are written, or while it is rested after it', async () => {
    const { all, batches } = written()
    await Promise.all(['a', 'b', 'c'].map((item) => batches.add(item)))
    await Promise.all(['d', 'e'].map((item) => batches.add(item)))
    expect(all).toEqual([['a'], ['b', 'c'], ['d', 'e']])
  })

  it('fail with those of their batch alone', async () => {
    const { all, batches } = written((items) => {
      if (items.includes('bad')) throw new Error('no good')
    })
    const states = await Promise.allSettled(['a', 'bad', 'b'].map((item) => batches.add(item)))
    expect(states.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'rejected'])
    await batches.add('b')
    expect(all).toEqual([['a'], ['bad', 'b'], ['b']])
  })
})
