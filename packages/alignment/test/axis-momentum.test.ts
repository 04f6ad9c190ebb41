import type { Tensor } from '@isthmus/tensor'
import fc from 'fast-check'
import { expect, it } from 'vitest'
import { AxisMomentum } from '../src/axis-momentum.ts'

const matrix = (data: readonly number[]): Tensor => ({ shape: [2, 2], data: Float32Array.from(data) })
const entries = fc.array(fc.float({ min: -8, max: 8, noNaN: true }), { minLength: 4, maxLength: 4 })
const gradientsOfSteps = fc.array(
  entries.filter((values) => values.some((value) => Math.abs(value) > 0.1)),
  { minLength: 1, maxLength: 6 },
)

function descended(steps: readonly (readonly number[])[], learningRate: number): number[] {
  const scores = matrix([1, 0, 0, 1])
  const momentum = new AxisMomentum(new Map([['axis', scores]]))
  for (const gradient of steps) momentum.step(new Map([['axis', matrix(gradient)]]), learningRate)
  return [...scores.data]
}

it('follows the moments by their definition, as sums over all steps', () => {
  fc.assert(
    fc.property(gradientsOfSteps, (steps) => {
      const expected = [1, 0, 0, 1]
      for (let t = 1; t <= steps.length; t++) {
        const weighted = (beta: number, of: (gradient: readonly number[]) => number) =>
          steps.slice(0, t).reduce((sum, gradient, s) => sum + beta ** (t - 1 - s) * of(gradient), 0) /
          Array.from({ length: t }, (_, s) => beta ** s).reduce((sum, weight) => sum + weight, 0)
        const root = Math.sqrt(weighted(0.999, (gradient) => gradient.reduce((sum, g) => sum + g * g, 0) / 4))
        for (const k of expected.keys()) expected[k]! -= (0.1 * weighted(0.9, (gradient) => gradient[k]!)) / root
      }
      // Scores are rounded to f32 after every step.
      for (const [k, score] of descended(steps, 0.1).entries())
        expect(Math.abs(score - expected[k]!)).toBeLessThan(1e-5)
    }),
    { seed: 2026 },
  )
})

it('takes steps of one size, however large gradients are', () => {
  fc.assert(
    fc.property(gradientsOfSteps, fc.constantFrom(2 ** -10, 2 ** 20), (steps, scale) => {
      const scaled = descended(
        steps.map((gradient) => gradient.map((g) => g * scale)),
        0.1,
      )
      for (const [k, score] of descended(steps, 0.1).entries()) expect(Math.abs(score - scaled[k]!)).toBeLessThan(1e-5)
    }),
    { seed: 2026 },
  )
})

it('stays where gradients are 0', () => {
  expect(
    descended(
      [
        [0, 0, 0, 0],
        [0, 0, 0, 0],
      ],
      0.1,
    ),
  ).toEqual([1, 0, 0, 1])
})
