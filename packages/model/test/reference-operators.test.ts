import { type Tensor, tensor } from '@isthmus/tensor'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import * as operators from '../src/reference-operators.ts'

type Value = Tensor<Float64Array>

/** Rounding of a few operations in f64 on numbers of size 10. */
const rounding = 1e-12

const element = fc.double({ min: -10, max: 10, noNaN: true })

function arrayOf(shape: readonly number[]): fc.Arbitrary<Value> {
  const length = shape.reduce((product, n) => product * n, 1)
  return fc.array(element, { minLength: length, maxLength: length }).map((x) => tensor(Float64Array.from(x), shape))
}

function of(shape: readonly number[], data: readonly number[]): Value {
  return tensor(Float64Array.from(data), shape)
}

function distance(a: Value, b: Value): number {
  expect(a.shape).toEqual(b.shape)
  return a.data.reduce((largest, x, i) => Math.max(largest, Math.abs(x - b.data[i]!)), 0)
}

/** The first tokens of every sequence of `x [batch, sequence, width]`. */
function prefix({ shape, data }: Value, length: number): Value {
  const [batch, sequence, width] = shape as [number, number, number]
  const kept = [...data].filter((_, i) => Math.floor(i / width) % sequence < length)
  return of([batch, length, width], kept)
}

/** The features of `x` from `start` to `end`. */
function features({ shape, data }: Value, start: number, end: number): Value {
  const width = shape.at(-1)!
  const kept = [...data].filter((_, i) => i % width >= start && i % width < end)
  return of([...shape.slice(0, -1), end - start], kept)
}

describe('gather, positions, select and first', () => {
  const table = of([3, 2], [0, 1, 10, 11, 20, 21])

  it('look up rows', () => {
    expect(operators.gather(table, of([1, 3], [2, 0, 2]))).toEqual(of([1, 3, 2], [20, 21, 0, 1, 20, 21]))
    expect(operators.positions(table, of([4, 2], Array(8).fill(0)))).toEqual(of([2, 2], [0, 1, 10, 11]))
  })

  it('take rows from an offset on, of a table with an axis of 1 too, and a single row', () => {
    expect(operators.positions(table, of([4, 2], Array(8).fill(0)), 1)).toEqual(of([2, 2], [10, 11, 20, 21]))
    const like = of([1, 2, 3], Array(6).fill(0))
    expect(operators.positions({ ...table, shape: [1, 3, 2] }, like)).toEqual(of([2, 2], [0, 1, 10, 11]))
    expect(operators.rowOf(table, 1)).toEqual(of([2], [10, 11]))
  })

  it('take tokens of a batch', () => {
    const batch = of([2, 2, 1], [1, 2, 3, 4])
    expect(operators.select(batch, of([3], [3, 0, 2]))).toEqual(of([3, 1], [4, 1, 3]))
    expect(operators.first(batch)).toEqual(of([2, 1], [1, 3]))
  })

  it('refuse an index outside of the table', () => {
    for (const index of [3, -1, Number.NaN]) {
      const sentence = `index ${index} is outside of a table of 3 rows`
      expect(() => operators.gather(table, of([1], [index]))).toThrow(sentence)
    }
    expect(() => operators.positions(table, of([1, 4], [0, 0, 0, 0]))).toThrow('index 3 is outside')
  })
})

describe('patches, prepend and slice', () => {
  it('cut an image into squares, row by row, channel by channel', () => {
    // Two channels of 2 × 4 pixels, numbered by channel, row and column.
    const image = of([1, 2, 2, 4], [0, 1, 2, 3, 10, 11, 12, 13, 100, 101, 102, 103, 110, 111, 112, 113])
    const [left, right] = [
      [0, 1, 10, 11, 100, 101, 110, 111],
      [2, 3, 12, 13, 102, 103, 112, 113],
    ] as const
    expect(operators.patches(image, 2)).toEqual(of([1, 2, 8], [...left, ...right]))
    expect(operators.patches(of([2, 1, 2, 1], [1, 2, 3, 4]), 1)).toEqual(of([2, 2, 1], [1, 2, 3, 4]))
  })

  it('put a token before each sequence', () => {
    const sequences = of([2, 2, 1], [1, 2, 3, 4])
    expect(operators.prepend(of([1, 1, 1], [9]), sequences)).toEqual(of([2, 3, 1], [9, 1, 2, 9, 3, 4]))
  })

  it('take some features of every row', () => {
    const x = of([1, 2, 3], [1, 2, 3, 4, 5, 6])
    expect(operators.slice(x, { start: 1, size: 2 })).toEqual(of([1, 2, 2], [2, 3, 5, 6]))
  })
})

describe('linear and matmul', () => {
  it('compute x Wᵀ + b', () => {
    const [x, w] = [of([1, 2, 2], [1, 2, 3, 4]), of([3, 2], [1, 0, 0, 1, 1, 1])]
    expect(operators.linear(x, w, of([3], [100, 200, 300]))).toEqual(of([1, 2, 3], [101, 202, 303, 103, 204, 307]))
    expect(operators.linear(x, w, null)).toEqual(of([1, 2, 3], [1, 2, 3, 3, 4, 7]))
  })

  it('read a weight that is stored [in, out], or has more than one axis of inputs', () => {
    const [x, w] = [of([1, 2], [1, 2]), of([2, 3], [1, 0, 1, 0, 1, 1])]
    expect(operators.linear(x, w, of([3], [100, 200, 300]), 'inOut')).toEqual(of([1, 3], [101, 202, 303]))
    const kernel = of([2, 2, 2], [1, 2, 3, 4, 5, 6, 7, 8])
    expect(operators.linear(of([1, 4], [1, 0, 0, 1]), kernel, null)).toEqual(of([1, 2], [5, 13]))
  })

  it('transpose either factor', () => {
    const [a, b] = [of([2, 3], [1, 2, 3, 4, 5, 6]), of([3, 2], [1, 0, 2, 1, 0, 3])]
    const [aT, bT] = [of([3, 2], [1, 4, 2, 5, 3, 6]), of([2, 3], [1, 2, 0, 0, 1, 3])]
    const product = of([2, 2], [5, 11, 14, 23])
    expect(operators.matmul(a, b, false, false)).toEqual(product)
    expect(operators.matmul(aT, b, true, false)).toEqual(product)
    expect(operators.matmul(a, bT, false, true)).toEqual(product)
    expect(operators.matmul(aT, bT, true, true)).toEqual(product)
  })
})

describe('add', () => {
  it('broadcasts over leading axes', () => {
    const [x, y] = [of([2, 1, 2], [1, 2, 3, 4]), of([1, 2], [10, 20])]
    expect(operators.add(x, y)).toEqual(of([2, 1, 2], [11, 22, 13, 24]))
  })
})

describe('layerNorm', () => {
  it('leaves mean 0 and variance 1, then scales and shifts', () => {
    fc.assert(
      fc.property(arrayOf([3, 5]), (x) => {
        const rows = [0, 5, 10].map((start) => x.data.subarray(start, start + 5))
        fc.pre(rows.every((row) => Math.max(...row) - Math.min(...row) > 1e-3))
        const plain = operators.layerNorm(x, of([5], [1, 1, 1, 1, 1]), of([5], [0, 0, 0, 0, 0]), 0)
        for (let r = 0; r < 3; r++) {
          const row = [...plain.data.subarray(5 * r, 5 * r + 5)]
          expect(Math.abs(row.reduce((sum, y) => sum + y, 0) / 5)).toBeLessThan(1e-9)
          expect(Math.abs(row.reduce((sum, y) => sum + y * y, 0) / 5 - 1)).toBeLessThan(1e-9)
        }
        const [gamma, beta] = [of([5], [1, 2, 3, 4, 5]), of([5], [5, 4, 3, 2, 1])]
        const expected = of(
          [3, 5],
          [...plain.data].map((y, i) => y * gamma.data[i % 5]! + beta.data[i % 5]!),
        )
        expect(distance(operators.layerNorm(x, gamma, beta, 0), expected)).toBeLessThan(rounding)
      }),
    )
  })

  it('adds epsilon to the variance', () => {
    const result = operators.layerNorm(of([1, 2], [-1, 1]), of([2], [1, 1]), of([2], [0, 0]), 3)
    expect(result).toEqual(of([1, 2], [-0.5, 0.5]))
  })
})

describe('gelu', () => {
  it('splits x into a part for either sign', () => {
    for (const approximation of ['none', 'tanh'] as const) {
      fc.assert(
        fc.property(element, (x) => {
          const sum = operators.gelu(x, approximation) - operators.gelu(-x, approximation)
          expect(Math.abs(sum - x)).toBeLessThan(rounding)
        }),
      )
    }
  })

  it('is x Φ(x), which tanh approximates to 5e-4', () => {
    // Φ(1) and Φ(−2): Abramowitz & Stegun (1964), table 26.1
    expect(operators.gelu(1, 'none')).toBeCloseTo(0.841344746, 9)
    expect(operators.gelu(-2, 'none')).toBeCloseTo(-2 * 0.022750132, 8)
    fc.assert(
      fc.property(element, (x) => {
        const error = Math.abs(operators.gelu(x, 'none') - operators.gelu(x, 'tanh'))
        expect(error).toBeLessThan(5e-4)
      }),
    )
    expect(operators.gelu(2, 'tanh')).not.toBe(operators.gelu(2, 'none'))
  })
})

describe('attention', () => {
  const operands = fc.tuple(arrayOf([2, 4, 6]), arrayOf([2, 4, 6]), arrayOf([2, 4, 4]))
  const plain = { numHeads: 2, causal: false }

  it('averages values with the softmax of scaled scores', () => {
    const [q, k] = [of([1, 2, 4], [2, 0, 0, 0, 0, 0, 0, 0]), of([1, 2, 4], [0, 9, 9, 9, Math.log(3), 0, 0, 0])]
    const context = operators.attention(q, k, of([1, 2, 1], [0, 4]), null, { numHeads: 1, causal: false })
    expect(distance(context, of([1, 2, 1], [3, 2]))).toBeLessThan(rounding)
  })

  it('if causal, of a token is that over the tokens up to it', () => {
    fc.assert(
      fc.property(operands, ([q, k, v]) => {
        const causal = operators.attention(q, k, v, null, { numHeads: 2, causal: true })
        for (let length = 1; length <= 4; length++) {
          const [pq, pk, pv] = [q, k, v].map((x) => prefix(x, length)) as [Value, Value, Value]
          const open = operators.attention(pq, pk, pv, null, plain)
          const lastToken = (x: Value) => operators.select(x, of([2], [length - 1, x.shape[1]! + length - 1]))
          expect(distance(lastToken(causal), lastToken(open))).toBeLessThan(rounding)
        }
      }),
    )
  })

  it('with a mask is that over the tokens that are left', () => {
    fc.assert(
      fc.property(operands, fc.integer({ min: 1, max: 4 }), ([q, k, v], length) => {
        const mask = of(
          [2, 4],
          [0, 1, 2, 3, 0, 1, 2, 3].map((i) => Number(i < length)),
        )
        const masked = operators.attention(q, k, v, mask, plain)
        const [pq, pk, pv] = [q, k, v].map((x) => prefix(x, length)) as [Value, Value, Value]
        expect(distance(prefix(masked, length), operators.attention(pq, pk, pv, null, plain))).toBeLessThan(rounding)
      }),
    )
  })

  it('of two heads is that of each, side by side', () => {
    fc.assert(
      fc.property(operands, ([q, k, v]) => {
        const both = operators.attention(q, k, v, null, plain)
        for (const head of [0, 1]) {
          const [hq, hk] = [q, k].map((x) => features(x, 3 * head, 3 * head + 3)) as [Value, Value]
          const hv = features(v, 2 * head, 2 * head + 2)
          const alone = operators.attention(hq, hk, hv, null, { numHeads: 1, causal: false })
          expect(distance(features(both, 2 * head, 2 * head + 2), alone)).toBeLessThan(rounding)
        }
      }),
    )
  })

  it('is even where no token may be attended to', () => {
    const [q, v] = [of([1, 2, 1], [1, 2]), of([1, 2, 1], [4, 6])]
    const context = operators.attention(q, q, v, of([1, 2], [0, 0]), { numHeads: 1, causal: false })
    expect(context).toEqual(of([1, 2, 1], [5, 5]))
  })
})

describe('softmax and crossEntropy', () => {
  it('softmax is positive, sums to 1 and does not see a shift', () => {
    fc.assert(
      fc.property(arrayOf([2, 4]), element, (x, shift) => {
        const result = operators.softmax(x)
        const sums = [0, 4].map((start) => result.data.subarray(start, start + 4).reduce((sum, p) => sum + p, 0))
        for (const sum of sums) expect(Math.abs(sum - 1)).toBeLessThan(rounding)
        expect(Math.min(...result.data)).toBeGreaterThan(0)
        const shifted = operators.softmax(operators.elementwise(x, (y) => y + shift))
        expect(distance(shifted, result)).toBeLessThan(rounding)
      }),
    )
  })

  it('crossEntropy is −ln softmax of the label', () => {
    fc.assert(
      fc.property(arrayOf([3, 4]), fc.array(fc.nat(3), { minLength: 3, maxLength: 3 }), (logits, labels) => {
        const p = operators.softmax(logits).data
        const expected = of(
          [3],
          labels.map((label, r) => -Math.log(p[4 * r + label]!)),
        )
        expect(distance(operators.crossEntropy(logits, of([3], labels)), expected)).toBeLessThan(1e-10)
      }),
    )
  })

  it('stay finite for large logits', () => {
    const logits = of([1, 2], [1000, 0])
    expect(operators.softmax(logits)).toEqual(of([1, 2], [1, 0]))
    expect(operators.crossEntropy(logits, of([1], [1]))).toEqual(of([1], [1000]))
  })

  it('refuse a label that is no class', () => {
    expect(() => operators.crossEntropy(of([1, 2], [0, 0]), of([1], [-100]))).toThrow('label -100 is none of 2 classes')
  })
})

describe('squaredError', () => {
  it('is the square of what each prediction lacks', () => {
    expect(operators.squaredError(of([3, 1], [1, 2, -3]), of([3], [4, 2, 0.5]))).toEqual(of([3], [9, 0, 12.25]))
  })
})
