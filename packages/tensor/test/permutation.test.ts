import fc from 'fast-check'
import { expect, test } from 'vitest'
import {
  elementCount,
  identityPermutation,
  inversePermutation,
  isIdentity,
  type Permutation,
  permutation,
  permuteAxis,
  type Tensor,
  tensor,
} from '../src/index.ts'

const permutationOf = (size: number) =>
  fc
    .shuffledSubarray(
      Array.from({ length: size }, (_, i) => i),
      { minLength: size, maxLength: size },
    )
    .map((indices) => permutation(Int32Array.from(indices)))

/** A tensor of rank 1 to 4 with distinct values, an axis of it, and two permutations of the axis. */
const permutable = fc
  .array(fc.integer({ min: 1, max: 5 }), { minLength: 1, maxLength: 4 })
  .chain((shape) => fc.tuple(fc.constant(shape), fc.nat({ max: shape.length - 1 })))
  .chain(([shape, axis]) =>
    fc.record({
      x: fc.constant(
        tensor(
          Float32Array.from({ length: elementCount(shape) }, (_, i) => i),
          shape,
        ),
      ),
      axis: fc.constant(axis),
      p: permutationOf(shape[axis]!),
      q: permutationOf(shape[axis]!),
    }),
  )

/** out[…, i, …] = in[…, π(i), …] by indices, one element at a time. */
function permuteByIndex(x: Tensor, axis: number, p: Permutation): number[] {
  const strides = x.shape.map((_, k) => elementCount(x.shape.slice(k + 1)))
  return Array.from(x.data, (_, flat) => {
    const index = x.shape.map((size, k) => Math.floor(flat / strides[k]!) % size)
    index[axis] = p[index[axis]!]!
    return x.data[index.reduce((sum, i, k) => sum + i * strides[k]!, 0)]!
  })
}

test('permuteAxis agrees with indexing element by element', () => {
  fc.assert(
    fc.property(permutable, ({ x, axis, p }) => {
      const permuted = permuteAxis(x, axis, p)
      expect(permuted.shape).toEqual(x.shape)
      expect([...permuted.data]).toEqual(permuteByIndex(x, axis, p))
    }),
  )
})

test('the inverse undoes, and leaves the argument as it was', () => {
  fc.assert(
    fc.property(permutable, ({ x, axis, p }) => {
      const before = Float32Array.from(x.data)
      expect(permuteAxis(permuteAxis(x, axis, p), axis, inversePermutation(p)).data).toEqual(before)
      expect(x.data).toEqual(before)
    }),
  )
})

test('permuting by p, then by q, is permuting by p ∘ q', () => {
  fc.assert(
    fc.property(permutable, ({ x, axis, p, q }) => {
      const composed = permutation(q.map((i) => p[i]!))
      expect(permuteAxis(permuteAxis(x, axis, p), axis, q)).toEqual(permuteAxis(x, axis, composed))
    }),
  )
})

test('the identity is its own inverse, and the only identity', () => {
  fc.assert(
    fc.property(fc.integer({ min: 0, max: 20 }).chain(permutationOf), (p) => {
      const identity = identityPermutation(p.length)
      expect(inversePermutation(identity)).toEqual(identity)
      expect(isIdentity(p)).toBe(p.join() === identity.join())
      expect(isIdentity(identity)).toBe(true)
    }),
  )
})

test('permuteAxis keeps the element type and shares no buffer', () => {
  const x = tensor(Int32Array.of(1, 2, 3, 4), [2, 2])
  const rows = permuteAxis(x, 0, permutation(Int32Array.of(1, 0)))
  expect(rows.data).toEqual(Int32Array.of(3, 4, 1, 2))
  rows.data[0] = 9
  expect(x.data).toEqual(Int32Array.of(1, 2, 3, 4))
})

test.each([
  [[0, 3, 1], 'not a permutation of 3: entry 1 is 3, but each of 0 to 2 must occur exactly once'],
  [[0, -1, 1], 'not a permutation of 3: entry 1 is -1, but each of 0 to 2 must occur exactly once'],
  [[2, 0, 2], 'not a permutation of 3: 2 occurs twice, but each of 0 to 2 must occur exactly once'],
])('%j is refused', (indices, sentence) => {
  expect(() => permutation(Int32Array.from(indices))).toThrow(sentence)
})

test('an axis that is not there, or of another size, is refused', () => {
  const x = tensor(new Float32Array(6), [2, 3])
  expect(() => permuteAxis(x, 2, identityPermutation(3))).toThrow(
    'shape [2, 3] has no axis 2: axes are counted from 0 to 1',
  )
  expect(() => permuteAxis(x, -1, identityPermutation(3))).toThrow('shape [2, 3] has no axis -1')
  expect(() => permuteAxis(x, 1, identityPermutation(2))).toThrow(
    'axis 1 of shape [2, 3] has 3 entries, but the permutation is of 2',
  )
})
