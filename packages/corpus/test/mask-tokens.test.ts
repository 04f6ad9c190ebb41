import { createHash } from 'node:crypto'
import { UserError } from '@isthmus/tensor'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { IGNORED_LABEL, maskTokens } from '../src/index.ts'
import { expectedBlocks } from './shipped-data.ts'

const tokenizer = {
  file: 'vocab.txt',
  vocabSize: 4096,
  specialIds: new Set([0, 1, 2, 3, 4]),
  maskId: 4,
  vocabularyDigest: 'digest',
}

/** Any ids, special ones among them, as blocks. */
const blocks = fc
  .record({ count: fc.integer({ min: 1, max: 6 }), blockSize: fc.integer({ min: 3, max: 40 }) })
  .chain(({ count, blockSize }) =>
    fc
      .array(fc.oneof(fc.integer({ min: 0, max: 4095 }), fc.integer({ min: 0, max: 4 })), {
        minLength: count * blockSize,
        maxLength: count * blockSize,
      })
      .map((ids) => ({ shape: [count, blockSize], data: Int32Array.from([...ids.slice(1), 100]) })),
  )

/** Whether `successes` of `n` lies within four standard deviations of a binomial: missed once in 16,000 seeds. */
function withinFourSigma(successes: number, n: number, p: number): boolean {
  return Math.abs(successes - n * p) <= 4 * Math.sqrt(n * p * (1 - p))
}

describe('maskTokens', () => {
  it('labels the selected positions with what stood there, and changes nothing else', () => {
    fc.assert(
      fc.property(blocks, fc.nat(), (original, seed) => {
        const before = original.data.slice()
        const { inputIds, labels } = maskTokens(original, { tokenizer, seed, probability: 1 })
        expect(original.data).toEqual(before)
        expect([inputIds.shape, labels.shape]).toEqual([original.shape, original.shape])
        before.forEach((id, i) => {
          const special = tokenizer.specialIds.has(id)
          expect(labels.data[i]).toBe(special ? IGNORED_LABEL : id)
          if (special) expect(inputIds.data[i]).toBe(id)
          else expect([1, 2, 3, 0]).not.toContain(inputIds.data[i])
        })
      }),
    )
  })

  it('leaves unselected positions as they are', () => {
    // Enough ordinary tokens that none being selected, an error, has a probability of 2⁻⁶⁰.
    const ids = fc.array(fc.integer({ min: 5, max: 4095 }), { minLength: 60, maxLength: 200 })
    fc.assert(
      fc.property(ids, fc.nat(), (row, seed) => {
        const original = { shape: [1, row.length], data: Int32Array.from(row) }
        const { inputIds, labels } = maskTokens(original, { tokenizer, seed, probability: 0.5 })
        const restored = inputIds.data.map((id, i) => (labels.data[i] === IGNORED_LABEL ? id : labels.data[i]!))
        expect([...restored]).toEqual(row)
        expect(labels.data).toContain(IGNORED_LABEL)
      }),
    )
  })

  it('draws the first blocks the same whatever follows', () => {
    fc.assert(
      fc.property(blocks, fc.nat(), fc.double({ min: 0, max: 1, noNaN: true }), (original, seed, cut) => {
        const [count, blockSize] = original.shape as [number, number]
        const kept = Math.max(1, Math.floor(cut * count))
        const options = { tokenizer, seed, probability: 1 }
        const head = { shape: [kept, blockSize], data: original.data.slice(0, kept * blockSize) }
        fc.pre(head.data.some((id) => !tokenizer.specialIds.has(id)))
        const part = maskTokens(head, options)
        const whole = maskTokens(original, options)
        expect(part.inputIds.data).toEqual(whole.inputIds.data.slice(0, kept * blockSize))
        expect(part.labels.data).toEqual(whole.labels.data.slice(0, kept * blockSize))
      }),
    )
  })

  it.each([0, 1, 2, 3])('selects 15 %%, of which 80 / 10 / 10 %% (seed %i)', async (seed) => {
    const { inputIds, labels } = maskTokens(await expectedBlocks(), { tokenizer, seed })
    const positions = [...labels.data.keys()].filter((i) => labels.data[i] !== IGNORED_LABEL)
    const masked = positions.filter((i) => inputIds.data[i] === tokenizer.maskId).length
    const changed = positions.filter((i) => inputIds.data[i] !== labels.data[i]).length - masked
    const selected = positions.length
    expect(withinFourSigma(selected, 487 * 126, 0.15)).toBe(true)
    expect(withinFourSigma(masked, selected, 0.8)).toBe(true)
    expect(withinFourSigma(changed, selected, (0.1 * 4090) / 4091)).toBe(true)
    const perBlock = Array.from({ length: 487 }, (_, b) => positions.filter((i) => i >> 7 === b).length)
    const mean = selected / 487
    const variance = perBlock.reduce((sum, n) => sum + (n - mean) ** 2, 0) / 486
    // Binomial: 126 · 0.15 · 0.85 = 16.1; the sample variance of 487 blocks has a relative standard deviation of 6.4 %.
    expect(Math.abs(variance / (126 * 0.15 * 0.85) - 1)).toBeLessThan(4 * 0.064)
  })

  it('draws random tokens from all that are not special', () => {
    const small = { ...tokenizer, vocabSize: 8 }
    const original = { shape: [100, 100], data: new Int32Array(10_000).fill(5) }
    const { inputIds } = maskTokens(original, { tokenizer: small, seed: 11, probability: 1 })
    const counts = [5, 6, 7].map((id) => inputIds.data.filter((x) => x === id).length)
    expect(withinFourSigma(counts[1]!, 10_000, 0.1 / 3)).toBe(true)
    expect(withinFourSigma(counts[2]!, 10_000, 0.1 / 3)).toBe(true)
    expect(withinFourSigma(counts[0]!, 10_000, 0.1 + 0.1 / 3)).toBe(true)
  })

  it('depends on the seed and records it', () => {
    const original = { shape: [4, 50], data: new Int32Array(200).fill(9) }
    const [a, again, b] = [7, 7, 8].map((seed) => maskTokens(original, { tokenizer, seed }))
    expect(again).toEqual(a)
    expect(b!.labels.data).not.toEqual(a!.labels.data)
    expect([a!.seed, a!.probability, a!.vocabularyDigest]).toEqual([7, 0.15, 'digest'])
  })

  it('gives the masks that recorded results were computed with', async () => {
    const { inputIds, labels } = maskTokens(await expectedBlocks(), { tokenizer, seed: 0 })
    const digest = createHash('sha256').update(inputIds.data).update(labels.data).digest('hex')
    // Of these blocks with seed 0. Should it change on purpose, whatever was cached with the old masks must not be used.
    expect(digest).toBe('60e3ddef9e9321667eb856009635fca755d1fa533eeea675b4b1b533e0da4b89')
  })

  it('says what is wrong', () => {
    const original = { shape: [1, 3], data: Int32Array.from([2, 9, 3]) }
    const masked =
      (options: object, data = original) =>
      () =>
        maskTokens(data, { tokenizer, seed: 0, ...options })
    expect(masked({ probability: 0 })).toThrow('probability must be greater than 0 and at most 1, but it is 0')
    expect(masked({ probability: 1e-9 })).toThrow(
      new UserError(
        'no position of the 1 blocks was selected at probability 1e-9 and seed 0; ' +
          'raise the probability or give a longer text',
      ),
    )
    expect(masked({}, { shape: [2, 2], data: Int32Array.from([2, 9, 3, 4096]) })).toThrow(
      "block 1 has id 4096 at position 1, but the vocabulary has 4096 tokens; tokenise the text with this model's tokenizer",
    )
    expect(masked({ tokenizer: { ...tokenizer, vocabSize: 5 } })).toThrow(
      'all 5 tokens of the vocabulary are special: nothing to mask',
    )
  })
})
