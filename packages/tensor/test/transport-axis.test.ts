import fc from 'fast-check'
import { expect, test } from 'vitest'
import { elementCount, permutation, permuteAxis, ShapeError, type Tensor, transportAxis } from '../src/index.ts'

const values = (count: number) =>
  fc
    .array(fc.float({ min: -1, max: 1, noNaN: true }), { minLength: count, maxLength: count })
    .map((list) => Float32Array.from(list))

/** A tensor of rank 1 to 4, n entries of one of its axes from `offset` on, and a matrix for them. */
const cases = fc
  .array(fc.integer({ min: 1, max: 4 }), { minLength: 1, maxLength: 4 })
  .chain((shape) => fc.tuple(fc.constant(shape), fc.nat({ max: shape.length - 1 })))
  .chain(([shape, axis]) => fc.tuple(fc.constant(shape), fc.constant(axis), fc.nat({ max: shape[axis]! - 1 })))
  .chain(([shape, axis, offset]) =>
    fc.integer({ min: 1, max: shape[axis]! - offset }).chain((n) =>
      fc.record({
        x: values(elementCount(shape)).map((data): Tensor => ({ shape, data })),
        axis: fc.constant(axis),
        offset: fc.constant(offset),
        transport: values(n * n).map((data): Tensor => ({ shape: [n, n], data })),
      }),
    ),
  )

/** One element at a time, by the definition. */
function transportByIndex({ shape, data }: Tensor, axis: number, transport: Tensor, offset: number): number[] {
  const stride = elementCount(shape.slice(axis + 1))
  const n = transport.shape[0]!
  return Array.from(data, (value, flat) => {
    const i = (Math.floor(flat / stride) % shape[axis]!) - offset
    if (i < 0 || i >= n) return value
    let sum = 0
    for (let j = 0; j < n; j++) sum += transport.data[i * n + j]! * data[flat + (j - i) * stride]!
    return Math.fround(sum)
  })
}

test('transportAxis is the product with the matrix, element by element, and copies the rest of the axis', () => {
  fc.assert(
    fc.property(cases, ({ x, axis, transport, offset }) => {
      const before = x.data.slice()
      const moved = transportAxis(x, axis, transport, offset)
      expect(moved.shape).toEqual(x.shape)
      expect([...moved.data].map((value) => value + 0)).toEqual(
        transportByIndex(x, axis, transport, offset).map((value) => value + 0),
      )
      expect(x.data).toEqual(before)
    }),
  )
})

test('the matrix of a permutation permutes', () => {
  const x: Tensor = { shape: [2, 3, 2], data: Float32Array.from({ length: 12 }, (_, i) => i + 0.1) }
  const p = permutation(Int32Array.of(2, 0, 1))
  const matrix = Float32Array.of(0, 0, 1, 1, 0, 0, 0, 1, 0)
  expect(transportAxis(x, 1, { shape: [3, 3], data: matrix })).toEqual(permuteAxis(x, 1, p))
})

test.each([
  [
    [3, 3],
    1,
    0,
    'a square matrix of at most 2 rows is needed to transport axis 1 of shape [4, 2] from entry 0 on, found [3, 3]',
  ],
  [
    [2, 2],
    1,
    1,
    'a square matrix of at most 1 rows is needed to transport axis 1 of shape [4, 2] from entry 1 on, found [2, 2]',
  ],
  [
    [2, 1],
    0,
    0,
    'a square matrix of at most 4 rows is needed to transport axis 0 of shape [4, 2] from entry 0 on, found [2, 1]',
  ],
  [
    [1, 1],
    2,
    0,
    'a square matrix of at most 0 rows is needed to transport axis 2 of shape [4, 2] from entry 0 on, found [1, 1]',
  ],
])('transportAxis refuses %j along axis %i from %i on', (shape, axis, offset, sentence) => {
  const x: Tensor = { shape: [4, 2], data: new Float32Array(8) }
  const transport = { shape, data: new Float32Array(elementCount(shape)) }
  expect(() => transportAxis(x, axis, transport, offset)).toThrow(new ShapeError(sentence))
})
