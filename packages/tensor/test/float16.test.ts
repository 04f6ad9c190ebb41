import fc from 'fast-check'
import { expect, test } from 'vitest'
import { decodeFloat16, encodeFloat16 } from '../src/index.ts'
import { aroundMidpoints, ieeeValue, nearestEvenOracle } from './nearest-even.ts'

const INFINITY = 0x7c00
const halfValue = (bits: number) => ieeeValue(bits, 10, 15)
const oracle = nearestEvenOracle(halfValue, INFINITY)
const everyPattern = Uint16Array.from({ length: 65_536 }, (_, bits) => bits)
const fromBits = (words: number[]) => new Float32Array(Uint32Array.from(words).buffer)

test('every pattern comes back from f32, NaN payloads and the sign of zero included', () => {
  expect(encodeFloat16(decodeFloat16(everyPattern))).toEqual(everyPattern)
})

test('every pattern decodes to its value', () => {
  const decoded = decodeFloat16(everyPattern)
  for (const bits of everyPattern) {
    const [magnitude, sign] = [bits & 0x7fff, bits & 0x8000 ? -1 : 1]
    const value = magnitude > INFINITY ? Number.NaN : magnitude === INFINITY ? Infinity : halfValue(magnitude)
    if (!Object.is(decoded[bits], sign * value)) expect.fail(`pattern ${bits} is ${decoded[bits]}, not ${sign * value}`)
  }
  expect(decoded).toHaveLength(65_536)
})

test('rounds to nearest, ties to even: at and beside midpoints, subnormals and the largest half included', () => {
  const values = aroundMidpoints(halfValue, INFINITY, 7)
  expect([...encodeFloat16(values)]).toEqual([...values].map(oracle))
})

test('rounds any f32 as the slow search does', () => {
  const word = fc.integer({ min: 0, max: 0xffffffff })
  const nearHalves = fc.integer({ min: 0x32000000, max: 0x48000000 })
  fc.assert(
    fc.property(fc.oneof(word, nearHalves), (bits) => {
      const values = fromBits([bits])
      fc.pre(!Number.isNaN(values[0]))
      expect(encodeFloat16(values)[0]).toBe(oracle(values[0]!))
    }),
    { numRuns: 2000 },
  )
})

test.each([
  ['largest half', 65_504, 0x7bff],
  ['last that rounds down', 65_519.996, 0x7bff],
  ['first that overflows', 65_520, 0x7c00],
  ['largest f32', 3.4028234663852886e38, 0x7c00],
  ['smallest subnormal', 2 ** -24, 0x0001],
  ['half of it, a tie to zero', 2 ** -25, 0x0000],
  ['just above half of it', 2 ** -25 * 1.0000001192092896, 0x0001],
  ['1e-8', 1e-8, 0x0000],
  ['2049, a tie to even', 2049, 0x6800],
  ['negative zero', -0, 0x8000],
])('%s', (_, value, bits) => {
  expect(encodeFloat16(Float32Array.of(value))[0]).toBe(bits)
})

test('a NaN whose payload is below the half stays a NaN', () => {
  expect([...encodeFloat16(fromBits([0x7f800001, 0xff800001]))]).toEqual([0x7e00, 0xfe00])
})

test('decodes into a view of the caller, and only there', () => {
  const buffer = new Float32Array(4).fill(9)
  decodeFloat16(Uint16Array.of(0x3c00, 0xc000), buffer.subarray(1, 3))
  expect([...buffer]).toEqual([9, 1, -2, 9])
  expect(() => decodeFloat16(new Uint16Array(3), buffer)).toThrow('cannot decode 3 halves into an array of 4')
})
