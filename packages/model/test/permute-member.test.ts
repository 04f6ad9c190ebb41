import { permutation, tensor, UserError } from '@isthmus/tensor'
import { describe, expect, it } from 'vitest'
import { permuteMember } from '../src/index.ts'

const swap = permutation(Int32Array.of(1, 0))
const value = tensor(Float32Array.of(0, 1, 2, 3, 10, 11, 12, 13), [2, 4])

describe('permuteMember', () => {
  it('permutes a whole axis', () => {
    const { data } = permuteMember(value, { parameter: 'w', axis: 0 }, swap)
    expect([...data]).toEqual([10, 11, 12, 13, 0, 1, 2, 3])
  })

  it('permutes within a segment, and leaves what is around it and what it was given', () => {
    const before = value.data.slice()
    const { shape, data } = permuteMember(value, { parameter: 'w', axis: 1, segment: { offset: 1, size: 2 } }, swap)
    expect(shape).toEqual([2, 4])
    expect([...data]).toEqual([0, 2, 1, 3, 10, 12, 11, 13])
    expect(value.data).toEqual(before)
  })

  it('refuses a permutation of another size', () => {
    const segment = { offset: 1, size: 3 }
    expect(() => permuteMember(value, { parameter: 'w', axis: 1, segment }, swap)).toThrow(
      new UserError("a segment of axis 1 of 'w' has 3 features, but the permutation is of 2"),
    )
    expect(() => permuteMember(value, { parameter: 'w', axis: 1 }, swap)).toThrow(
      'axis 1 of shape [2, 4] has 4 entries, but the permutation is of 2',
    )
  })
})
