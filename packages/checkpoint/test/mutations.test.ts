import fc from 'fast-check'
import { expect, test } from 'vitest'
import { examine, mutated, originals } from './mutations.ts'

test.each(originals)('$name, its headers mutated, gives tensors within it or a sentence', async (original) => {
  const counts = { opened: 0, refused: 0 }
  await fc.assert(
    fc.asyncProperty(mutated(original), async (bytes) => {
      counts[await examine(original, bytes)] += 1
    }),
    { numRuns: 700 },
  )
  expect(counts.refused).toBeGreaterThan(300)
  expect(await examine(original, original.bytes)).toBe('opened')
})
