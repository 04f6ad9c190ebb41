import { ShapeError, type Tensor, tensor } from '@isthmus/tensor'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { AdamW, clippingScale, gradientNorm } from '../src/index.ts'

const values = (length: number) =>
  fc.array(fc.double({ min: -2, max: 2, noNaN: true }), { minLength: length, maxLength: length })

/** Algorithm 2 of Loshchilov & Hutter written out for one number, in f64. */
function oracle(start: number, gradients: readonly number[], rates: readonly number[], decay: number): number {
  const [beta1, beta2, epsilon] = [0.9, 0.98, 1e-8]
  let [theta, m, v] = [start, 0, 0]
  for (const [i, g] of gradients.entries()) {
    const rate = rates[i]!
    m = beta1 * m + (1 - beta1) * g
    v = beta2 * v + (1 - beta2) * g ** 2
    const corrected = m / (1 - beta1 ** (i + 1)) / (Math.sqrt(v / (1 - beta2 ** (i + 1))) + epsilon)
    theta = theta - rate * decay * theta - rate * corrected
  }
  return theta
}

describe('AdamW', () => {
  const settings = { betas: [0.9, 0.98] as [number, number], epsilon: 1e-8, weightDecay: 0.1 }

  it('is the algorithm, with decay on matrices and not on vectors', () => {
    const steps = fc.array(fc.tuple(values(2), fc.double({ min: 1e-4, max: 0.1, noNaN: true })), {
      minLength: 1,
      maxLength: 20,
    })
    fc.assert(
      fc.property(values(2), steps, (start, taken) => {
        const parameters = new Map([
          ['matrix', tensor(Float32Array.of(start[0]!), [1, 1])],
          ['vector', tensor(Float32Array.of(start[1]!), [1])],
        ])
        const optimizer = new AdamW(parameters, settings)
        for (const [gradients, rate] of taken) {
          optimizer.step(
            new Map([
              ['matrix', tensor(Float32Array.of(gradients[0]!), [1, 1])],
              ['vector', tensor(Float32Array.of(gradients[1]!), [1])],
            ]),
            rate,
          )
        }
        const rates = taken.map(([, rate]) => rate)
        for (const [index, [name, decay]] of [['matrix', 0.1] as const, ['vector', 0] as const].entries()) {
          const gradients = taken.map(([gradient]) => Math.fround(gradient[index]!))
          const expected = oracle(Math.fround(start[index]!), gradients, rates, decay)
          // The moments and the weight are rounded to f32 at each of up to 20 steps; where a gradient is all but zero,
          // the quotient of the moments is of their rounding, and a step is at most its rate.
          const sure = gradients.every((gradient) => Math.abs(gradient) > 1e-6)
          const tolerance = sure ? 1e-4 : rates.reduce((sum, rate) => sum + 2 * rate, 1e-4)
          expect(Math.abs(parameters.get(name)!.data[0]! - expected)).toBeLessThan(tolerance)
        }
      }),
    )
  })

  it('goes on from its moments as if it had never stopped', () => {
    const gradientOf = (step: number) =>
      new Map([['w', tensor(Float32Array.of(Math.sin(step), Math.cos(step)), [2, 1])]])
    const run = (stops: readonly number[]) => {
      const parameters = new Map([['w', tensor(Float32Array.of(1, -1), [2, 1])]])
      let optimizer = new AdamW(parameters, settings)
      for (let step = 0; step < 10; step++) {
        if (stops.includes(step))
          optimizer = new AdamW(parameters, settings, { moments: optimizer.moments, steps: step })
        optimizer.step(gradientOf(step), 0.01, 0.5)
      }
      return [...parameters.get('w')!.data]
    }
    expect(run([3, 4, 9])).toEqual(run([]))
  })

  it('names a parameter whose gradient does not fit', () => {
    const optimizer = new AdamW(new Map([['w', tensor(new Float32Array(4), [2, 2])]]), settings)
    expect(() => optimizer.step(new Map([['w', tensor(new Float32Array(3), [3])]]), 0.1)).toThrow(ShapeError)
    expect(() => optimizer.step(new Map<string, Tensor>(), 0.1)).toThrow(
      "the gradient of 'w' must have the 4 elements of [2, 2], found none",
    )
  })
})

describe('clippingScale', () => {
  it('brings the norm over all parameters down to the largest allowed, and leaves smaller ones', () => {
    fc.assert(
      fc.property(values(3), values(2), fc.double({ min: 0.01, max: 10, noNaN: true }), (a, b, maxNorm) => {
        const gradients = new Map([
          ['a', tensor(Float32Array.from(a), [3])],
          ['b', tensor(Float32Array.from(b), [2])],
        ])
        const norm = gradientNorm(gradients)
        expect(norm).toBeCloseTo(Math.hypot(...[...a, ...b].map(Math.fround)), 9)
        expect(clippingScale(gradients, maxNorm) * norm).toBeCloseTo(Math.min(norm, maxNorm), 9)
        expect(clippingScale(gradients, null)).toBe(1)
      }),
    )
  })
})
