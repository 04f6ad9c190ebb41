import type { Feeds, Program, Weights } from '@isthmus/engine'
import fc from 'fast-check'
import { expect, it } from 'vitest'
import { blockLosses } from '../src/index.ts'

/** A program that gives the labels that it is fed as losses. */
const program = {
  inputs: ['labels'],
  run: async (_: Weights, feeds: Feeds) => ({
    negativeLogLikelihood: { shape: feeds.labels!.shape, data: Float32Array.from(feeds.labels!.data) },
  }),
} as unknown as Program

it('sums the losses of each block, however the blocks are batched, and gives 0 where nothing is predicted', async () => {
  const blocks = fc.array(fc.array(fc.integer({ min: 1, max: 1000 }), { maxLength: 4 }), { maxLength: 12 })
  const property = fc.asyncProperty(blocks, fc.integer({ min: 1, max: 5 }), async (losses, batchSize) => {
    const batches = losses.flatMap((_, first) => {
      const own = first % batchSize === 0 ? losses.slice(first, first + batchSize).flat() : []
      if (own.length === 0) return []
      const labels = { shape: [own.length], data: Int32Array.from(own) }
      return [{ feeds: { labels }, predictions: own.length }]
    })
    const predictions = losses.map(({ length }) => length)
    expect([...(await blockLosses(program, new Map(), batches, predictions))]).toEqual(
      losses.map((own) => own.reduce((sum, loss) => sum + loss, 0)),
    )
  })
  await expect(fc.assert(property)).resolves.not.toThrow()
})
