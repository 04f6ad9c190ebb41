import { readFileSync } from 'node:fs'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import initWabt from 'wabt'
import { lerp, type Tensor, tensor } from '../src/index.ts'
import { lerpKernelBase64 } from '../src/lerp-kernel.ts'

const words = (x: Tensor) => [...new Uint32Array(x.data.buffer, x.data.byteOffset, x.data.length)]
const pair = fc.array(fc.tuple(fc.float(), fc.float()), { minLength: 1, maxLength: 20 }).map((rows) =>
  [0, 1].map((side) =>
    tensor(
      Float32Array.from(rows, (row) => row[side]!),
      [rows.length],
    ),
  ),
)

test('λ = 1 is a and λ = 0 is b to the bit, also for −0, NaN and infinities', () => {
  const example = [
    tensor(Float32Array.of(-0, Infinity, Number.NaN, 1), [4]),
    tensor(Float32Array.of(0, Number.NaN, -Infinity, 2), [4]),
  ]
  fc.assert(
    fc.property(pair, ([a, b]) => {
      expect(words(lerp(a!, b!, 1))).toEqual(words(a!))
      expect(words(lerp(a!, b!, 0))).toEqual(words(b!))
    }),
    { examples: [[example]] },
  )
})

test('is the f64 sum, rounded once', () => {
  fc.assert(
    fc.property(pair, fc.double({ min: 0, max: 1, noNaN: true }), ([a, b], lambda) => {
      const expected = [...a!.data].map((x, i) => {
        if (lambda === 1) return x
        return lambda === 0 ? b!.data[i]! : Math.fround(lambda * x + (1 - lambda) * b!.data[i]!)
      })
      expect([...lerp(a!, b!, lambda).data]).toEqual(expected)
    }),
  )
})

test('is that sum for every element, where blocks of elements begin and end', () => {
  for (const length of [0, 4095, 4096, 4097, 4099, 12_289]) {
    const [a, b] = [0.1, 7].map((scale) =>
      tensor(
        Float32Array.from({ length }, (_, i) => scale * Math.sin(i)),
        [length],
      ),
    )
    const expected = a!.data.map((x, i) => 0.3 * x + (1 - 0.3) * b!.data[i]!)
    expect(words(lerp(a!, b!, 0.3))).toEqual(words(tensor(expected, [length])))
  }
})

test('the kernel is its source, assembled', async () => {
  const wabt = await initWabt()
  const source = readFileSync(new URL('../src/lerp-kernel.wat', import.meta.url), 'utf8')
  const { buffer } = wabt.parseWat('lerp-kernel.wat', source, { simd: true }).toBinary({})
  expect(Buffer.from(buffer).toString('base64')).toBe(lerpKernelBase64)
})

test('writes over either operand, or into a third tensor, with the same result', () => {
  fc.assert(
    fc.property(pair, fc.constantFrom(0, 0.25, 0.5, 1), ([a, b], lambda) => {
      const copy = (x: Tensor) => tensor(Float32Array.from(x.data), x.shape)
      const expected = words(lerp(a!, b!, lambda))
      const [overA, overB, third] = [copy(a!), copy(b!), tensor(new Float32Array(a!.data.length), a!.shape)]
      expect(lerp(overA, b!, lambda, overA)).toBe(overA)
      expect(lerp(a!, overB, lambda, overB)).toBe(overB)
      lerp(a!, b!, lambda, third)
      expect([overA, overB, third].map(words)).toEqual([expected, expected, expected])
    }),
  )
})

test('other shapes are refused, also of the result', () => {
  const a = tensor(new Float32Array(6), [2, 3])
  const b = tensor(new Float32Array(6), [3, 2])
  expect(() => lerp(a, b, 0.5)).toThrow('cannot interpolate shapes [2, 3] and [3, 2]: they must be equal')
  expect(() => lerp(a, a, 0.5, b)).toThrow('cannot interpolate shapes [2, 3] and [3, 2]: they must be equal')
})
