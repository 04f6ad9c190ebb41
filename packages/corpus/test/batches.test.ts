import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { blockBatches, IGNORED_LABEL, paddedBatches } from '../src/index.ts'

const sequences = fc.array(
  fc.array(fc.integer({ min: 1, max: 99 }), { minLength: 1, maxLength: 20 }).map((ids) => Int32Array.from(ids)),
)

describe('paddedBatches', () => {
  it('holds every sequence once, padded at its end', () => {
    fc.assert(
      fc.property(sequences, fc.integer({ min: 1, max: 80 }), (all, tokensPerBatch) => {
        const seen: number[] = []
        for (const batch of paddedBatches(all, { tokensPerBatch, padId: 0 })) {
          const { inputIds, attentionMask, tokenTypeIds } = batch.feeds
          const [rows, width] = inputIds.shape as [number, number]
          expect(batch.length).toBe(width)
          expect(rows * width <= tokensPerBatch || rows === 1).toBe(true)
          expect(attentionMask.shape).toEqual([rows, width])
          expect(tokenTypeIds).toEqual({ shape: [rows, width], data: new Int32Array(rows * width) })
          batch.sequences.forEach((member, row) => {
            const ids = all[member]!
            const padding = new Array(width - ids.length).fill(0)
            const at = (data: Int32Array) => [...data.subarray(row * width, (row + 1) * width)]
            expect(at(inputIds.data)).toEqual([...ids, ...padding])
            expect(at(attentionMask.data)).toEqual([...ids.map(() => 1), ...padding])
          })
          const real = [...attentionMask.data.keys()].filter((i) => attentionMask.data[i] === 1)
          expect([...batch.positions]).toEqual(real)
          seen.push(...batch.sequences)
        }
        expect(seen.sort((a, b) => a - b)).toEqual([...all.keys()])
      }),
    )
  })

  it('sorts by length, so that sequences of like length share a batch', () => {
    const lengths = [5, 2, 5, 1, 2, 9]
    const batches = paddedBatches(
      lengths.map((length) => new Int32Array(length).fill(7)),
      { tokensPerBatch: 10, padId: 1 },
    )
    const [first, ...others] = [...batches]
    expect([first, ...others].map((batch) => [...batch!.sequences])).toEqual([[3, 1, 4], [0, 2], [5]])
    expect([...first!.feeds.inputIds.data]).toEqual([7, 1, 7, 7, 7, 7])
  })

  it('says what is wrong', () => {
    const start = (all: Int32Array[], tokensPerBatch: number) => () => paddedBatches(all, { tokensPerBatch }).next()
    expect(start([], 0)).toThrow('tokensPerBatch must be a whole number of at least 1, but it is 0')
    expect(start([Int32Array.of(1), new Int32Array(0)], 8)).toThrow('sequence 1 has no tokens; leave it out')
  })
})

describe('blockBatches', () => {
  const masked = {
    inputIds: { shape: [3, 4], data: Int32Array.of(2, 4, 8, 3, 2, 9, 9, 3, 2, 8, 4, 3) },
    labels: { shape: [3, 4], data: Int32Array.of(-100, 7, 8, -100, -100, -100, -100, -100, -100, -100, 5, -100) },
  }

  it('takes blocks in order and leaves out batches without a loss', () => {
    const batches = [...blockBatches(masked, 1)]
    expect(batches).toHaveLength(2)
    expect(batches[0]).toEqual({
      feeds: {
        inputIds: { shape: [1, 4], data: Int32Array.of(2, 4, 8, 3) },
        tokenTypeIds: { shape: [1, 4], data: new Int32Array(4) },
        selectedPositions: { shape: [2], data: Int32Array.of(1, 2) },
        labels: { shape: [2], data: Int32Array.of(7, 8) },
      },
      predictions: 2,
    })
    expect(batches[1]!.feeds.inputIds.data).toEqual(Int32Array.of(2, 8, 4, 3))
  })

  it('gives the same positions and labels however the blocks are cut', () => {
    fc.assert(
      fc.property(
        fc.array(fc.array(fc.option(fc.nat(9), { nil: IGNORED_LABEL }), { minLength: 5, maxLength: 5 })),
        fc.integer({ min: 1, max: 9 }),
        (rows, batchSize) => {
          const labels = { shape: [rows.length, 5], data: Int32Array.from(rows.flat()) }
          const inputIds = { shape: labels.shape, data: labels.data.map((_, i) => i) }
          const found = [...blockBatches({ inputIds, labels }, batchSize)].flatMap(({ feeds }) =>
            [...feeds.selectedPositions.data].map((p, i) => [feeds.inputIds.data[p], feeds.labels.data[i]]),
          )
          const expected = rows.flat().flatMap((label, i) => (label === IGNORED_LABEL ? [] : [[i, label]]))
          expect(found).toEqual(expected)
        },
      ),
    )
  })

  it('refuses a batch size of 0', () => {
    expect(() => blockBatches(masked, 0).next()).toThrow('batchSize must be a whole number of at least 1, but it is 0')
  })
})
