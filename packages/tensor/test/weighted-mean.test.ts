import fc from 'fast-check'
import { expect, test } from 'vitest'
import { lerp, tensor, weightedMean } from '../src/index.ts'

const vectors = (count: number) =>
  fc
    .array(fc.array(fc.float({ noNaN: true, noDefaultInfinity: true }), { minLength: count, maxLength: count }), {
      minLength: 1,
      maxLength: 12,
    })
    .map((rows) =>
      Array.from({ length: count }, (_, k) =>
        tensor(
          Float32Array.from(rows, (row) => row[k]!),
          [rows.length],
        ),
      ),
    )

test('of two tensors is the interpolation between them', () => {
  fc.assert(
    fc.property(vectors(2), fc.double({ min: 0, max: 1, noNaN: true }), ([a, b], lambda) => {
      expect(weightedMean([a!, b!], [lambda, 1 - lambda])).toEqual(lerp(a!, b!, lambda))
    }),
  )
})

test('is the f64 sum, rounded once, whatever the number of tensors', () => {
  fc.assert(
    fc.property(vectors(4), ([a, b, c, d]) => {
      const mean = weightedMean([a!, b!, c!, d!], [0.5, 0.25, 0, 0.25])
      const expected = [...a!.data].map((x, i) => Math.fround(0.5 * x + 0.25 * b!.data[i]! + 0.25 * d!.data[i]!))
      expect([...mean.data]).toEqual(expected)
    }),
  )
})

test('of weight 1 is a copy to the bit, and what has weight 0 does not matter', () => {
  const a = tensor(Float32Array.of(-0, Number.POSITIVE_INFINITY), [2])
  const broken = tensor(Float32Array.of(Number.NaN, Number.NaN), [2])
  const mean = weightedMean([broken, a, broken], [0, 1, 0])
  expect([...new Uint32Array(mean.data.buffer)]).toEqual([...new Uint32Array(a.data.buffer)])
})

test('refuses other shapes and another number of weights', () => {
  const [a, b] = [tensor(new Float32Array(2), [2]), tensor(new Float32Array(2), [1, 2])]
  expect(() => weightedMean([a, b], [0.5, 0.5])).toThrow('cannot average shapes [2] and [1, 2]: they must be equal')
  expect(() => weightedMean([a], [0.5, 0.5])).toThrow(
    'a mean of 1 tensors needs as many weights, and at least one; found 2',
  )
})
