import { describe, expect, it } from 'vitest'
import { meanDiagonal } from '../src/index.ts'

describe('meanDiagonal', () => {
  const matrix = Float32Array.of(0.1, 0.9, 0.3, 0.2, 0.5, 0.8, 0.7, 0.4, 0.6)

  it('is the mean over the pairs of a permutation, the identity by default', () => {
    expect(meanDiagonal(matrix, 3, null)).toBeCloseTo((0.1 + 0.5 + 0.6) / 3, 7)
    expect(meanDiagonal(matrix, 3, [1, 2, 0])).toBeCloseTo((0.9 + 0.8 + 0.7) / 3, 7)
  })
})
