import { describe, expect, it } from 'vitest'
import { graphBuilder, randomParameters } from '../src/index.ts'

describe('randomParameters', () => {
  const graph = graphBuilder('toy')
  graph.parameter('weight', [40, 50])
  graph.parameter('bias', [40])
  const toy = graph.build()

  it('fills every parameter from the seed alone', () => {
    const drawn = randomParameters(toy, 1)
    expect([...drawn].map(([name, { shape }]) => [name, shape])).toEqual([
      ['weight', [40, 50]],
      ['bias', [40]],
    ])
    expect(randomParameters(toy, 1)).toEqual(drawn)
    expect(randomParameters(toy, 2)).not.toEqual(drawn)
  })

  it('is spread over [−1, 1)', () => {
    const { data } = randomParameters(toy, 3).get('weight')!
    expect(new Set(data).size).toBe(2000)
    expect([Math.min(...data), Math.max(...data)].map(Math.round)).toEqual([-1, 1])
    // The mean of 2,000 has a standard deviation of 0.013.
    expect(Math.abs(data.reduce((sum, x) => sum + x, 0) / 2000)).toBeLessThan(0.07)
  })
})
