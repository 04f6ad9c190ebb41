import { expect, test } from 'vitest'
import { bytesPerElement, elementCount, isDType, ShapeError, tensor } from '../src/index.ts'

test('a tensor views its data', () => {
  const data = Float32Array.of(1, 2, 3, 4, 5, 6)
  expect(tensor(data, [2, 3]).data).toBe(data)
  expect(elementCount([])).toBe(1)
  expect(elementCount([3, 0, 2])).toBe(0)
})

test('a shape that does not fit the data is refused', () => {
  expect(() => tensor(new Float32Array(5), [2, 3])).toThrow(ShapeError)
  expect(() => tensor(new Float32Array(5), [2, 3])).toThrow(
    'a tensor of shape [2, 3] has 6 elements, but its data has 5',
  )
})

test('dtypes are known by the names of safetensors', () => {
  expect(['F32', 'BF16', 'I64', 'BOOL'].map((name) => isDType(name) && bytesPerElement(name))).toEqual([4, 2, 8, 1])
  expect(['f32', 'F8_E4M3', 'toString', 4, null].map(isDType)).toEqual([false, false, false, false, false])
})
