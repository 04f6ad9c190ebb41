import { createHash } from 'node:crypto'
import fc from 'fast-check'
import { xoroshiro128plusFromState } from 'pure-rand/generator/xoroshiro128plus'
import { expect, it } from 'vitest'
import { randomStream, sampleWithoutReplacement } from '../src/index.ts'

it('seeds the generator with SHA-256 of the seed and the purpose', () => {
  const digest = createHash('sha256').update('[7,"book","novels/emma.txt"]').digest()
  const generator = xoroshiro128plusFromState([0, 4, 8, 12].map((offset) => digest.readInt32LE(offset)))
  const word = generator.next() >>> 0
  expect(randomStream(7, 'book', 'novels/emma.txt').index(2 ** 32)).toBe((word + 2 ** 31) % 2 ** 32)
})

it('gives different purposes and seeds different streams', () => {
  const first = (...args: Parameters<typeof randomStream>) => randomStream(...args).uniform()
  const draws = [first(0, 'a'), first(1, 'a'), first(0, 'b'), first(0, 'a', 0), first(0, 'a', 1), first(2 ** 40, 'a')]
  expect(new Set(draws).size).toBe(draws.length)
  expect(first(0, 'a')).toBe(draws[0])
})

it('samples distinct indices in range, and all of them when size is n', () => {
  fc.assert(
    fc.property(fc.nat(1000), fc.integer({ min: 1, max: 60 }), fc.nat(60), (seed, n, extra) => {
      const size = Math.min(n, extra)
      const drawn = sampleWithoutReplacement(randomStream(seed, 'test'), n, size)
      expect(new Set(drawn).size).toBe(size)
      expect(drawn.every((i) => i >= 0 && i < n)).toBe(true)
    }),
  )
})

it('samples every ordered pair of 4 equally often', () => {
  const counts = new Map<string, number>()
  const stream = randomStream(3, 'pairs')
  const draws = 12_000
  for (let i = 0; i < draws; i++) {
    const key = sampleWithoutReplacement(stream, 4, 2).join()
    counts.set(key, (counts.get(key) ?? 0) + 1)
  }
  const chiSquared = [...counts.values()].reduce((sum, n) => sum + (n - draws / 12) ** 2 / (draws / 12), 0)
  expect(counts.size).toBe(12)
  // The 99.9 % quantile of χ² with 11 degrees of freedom; the seed is fixed, so this either always holds or never.
  expect(chiSquared).toBeLessThan(31.3)
})

it.each([-1, 0.5, Number.NaN, 2 ** 53])('refuses the seed %s', (seed) => {
  expect(() => randomStream(seed, 'a')).toThrow(`seed must be an integer from 0 to 9007199254740991, but it is ${seed}`)
})
