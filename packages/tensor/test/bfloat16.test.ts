import fc from 'fast-check'
import { expect, test } from 'vitest'
import { decodeBfloat16, encodeBfloat16 } from '../src/index.ts'
import { aroundMidpoints, ieeeValue, nearestEvenOracle } from './nearest-even.ts'

const INFINITY = 0x7f80
const bfloatValue = (bits: number) => ieeeValue(bits, 7, 127)
const oracle = nearestEvenOracle(bfloatValue, INFINITY)
const everyPattern = Uint16Array.from({ length: 65_536 }, (_, bits) => bits)
const fromBits = (words: number[]) => new Float32Array(Uint32Array.from(words).buffer)

test('every pattern comes back from f32, NaN payloads and the sign of zero included', () => {
  expect(encodeBfloat16(decodeBfloat16(everyPattern))).toEqual(everyPattern)
})

test('every pattern decodes to its value', () => {
  const decoded = decodeBfloat16(everyPattern)
  for (const bits of everyPattern) {
    const [magnitude, sign] = [bits & 0x7fff, bits & 0x8000 ? -1 : 1]
    const value = magnitude > INFINITY ? Number.NaN : magnitude === INFINITY ? Infinity : bfloatValue(magnitude)
    if (!Object.is(decoded[bits], sign * value)) expect.fail(`pattern ${bits} is ${decoded[bits]}, not ${sign * value}`)
  }
  expect(decoded).toHaveLength(65_536)
})

test('rounds to nearest, ties to even: at and beside midpoints, subnormals included', () => {
  const values = aroundMidpoints(bfloatValue, INFINITY, 7)
  expect([...encodeBfloat16(values)]).toEqual([...values].map(oracle))
})

test('rounds any f32 as the slow search does', () => {
  fc.assert(
    fc.property(fc.integer({ min: 0, max: 0xffffffff }), (bits) => {
      const values = fromBits([bits])
      fc.pre(!Number.isNaN(values[0]))
      expect(encodeBfloat16(values)[0]).toBe(oracle(values[0]!))
    }),
    { numRuns: 2000 },
  )
})

test('overflows to infinity, and keeps a NaN whose payload is below the format', () => {
  expect([...encodeBfloat16(fromBits([0x7f7f7fff, 0x7f7f8000, 0xff7fffff, 0x7f800001, 0xff80ffff]))]).toEqual([
    0x7f7f, 0x7f80, 0xff80, 0x7fc0, 0xffc0,
  ])
})

test('decodes into a view of the caller, and only there', () => {
  const buffer = new Float32Array(4).fill(9)
  decodeBfloat16(Uint16Array.of(0x3f80, 0xc000), buffer.subarray(1, 3))
  expect([...buffer]).toEqual([9, 1, -2, 9])
  expect(() => decodeBfloat16(new Uint16Array(3), buffer)).toThrow('cannot decode 3 bfloat16 values into an array of 4')
})
