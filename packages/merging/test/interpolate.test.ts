import type { Tensor } from '@isthmus/tensor'
import { UserError } from '@isthmus/tensor'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { interpolate, type ParameterReader, readWeights } from '../src/index.ts'
import { readerOf } from './small-bert.ts'

/** Two models of the same two tensors, with every value that f32 has. */
const models = fc.tuple(fc.integer({ min: 1, max: 6 }), fc.integer({ min: 1, max: 6 })).chain((lengths) => {
  const model = fc
    .tuple(...lengths.map((length) => fc.float32Array({ minLength: length, maxLength: length })))
    .map((arrays) => new Map(arrays.map((data, i) => [`tensor ${i}`, { shape: [data.length], data }])))
  return fc.record({ a: model, b: model })
})

const bits = ({ data }: Tensor) => new Uint32Array(data.buffer, data.byteOffset, data.length)

describe('interpolate', () => {
  it('gives A at λ = 1 and B′ at λ = 0, to the bit', async () => {
    await fc.assert(
      fc.asyncProperty(models, async ({ a, b }) => {
        for (const [lambda, expected] of [
          [1, a],
          [0, b],
        ] as const) {
          const merged = await interpolate(readerOf(a), readerOf(b), lambda, a.keys())
          expect([...merged.keys()]).toEqual([...a.keys()])
          for (const [name, tensor] of merged) expect(bits(tensor)).toEqual(bits(expected.get(name)!))
        }
      }),
    )
  })

  it('gives λ a + (1 − λ) b, rounded once', async () => {
    await fc.assert(
      fc.asyncProperty(models, fc.double({ min: 0, max: 1, noNaN: true }), async ({ a, b }, lambda) => {
        const merged = await interpolate(readerOf(a), readerOf(b), lambda, a.keys())
        for (const [name, { data }] of merged) {
          const other = b.get(name)!.data
          const between = a.get(name)!.data.map((value, i) => lambda * value + (1 - lambda) * other[i]!)
          const expected = lambda === 1 ? a.get(name)!.data : lambda === 0 ? other : between
          expect(data).toEqual(expected)
        }
      }),
    )
  })

  const a = weightsOf([1, 2], [3, 4, 5])
  const b = weightsOf([5, 6], [7, 8, 9])

  it('reads one tensor of each model at a time, and keeps one buffer for both', async () => {
    const { order, buffers, instrumented } = recordReads()
    const merged = await interpolate(instrumented('a', a), instrumented('b', b), 0.5, a.keys())
    expect(order).toEqual(['a first', 'b first', 'a second', 'b second'])
    for (const [name, { data }] of merged) expect(data).toBe(buffers.get(`a ${name}`))
    expect([...merged.values()].map(({ data }) => [...data])).toEqual([
      [3, 4],
      [5, 6, 7],
    ])
  })

  it('writes into the buffers of an earlier λ, and keeps no other', async () => {
    const into = await readWeights(readerOf(a), a.keys())
    const held = new Map([...into].map(([name, { data }]) => [name, data]))
    for (const lambda of [0, 0.25, 1]) {
      const { order, instrumented } = recordReads()
      const merged = await interpolate(instrumented('a', a), instrumented('b', b), lambda, a.keys(), into)
      expect(order).toEqual(['a first', 'b first', 'a second', 'b second'])
      for (const [name, { data }] of merged) {
        expect(data).toBe(held.get(name))
        expect([...data]).toEqual(
          [...a.get(name)!.data].map((x, i) => lambda * x + (1 - lambda) * b.get(name)!.data[i]!),
        )
      }
    }
  })

  it('refuses a λ outside of [0, 1] before it reads anything', async () => {
    for (const lambda of [-0.1, 1.05, Number.NaN]) {
      const { order, instrumented } = recordReads()
      await expect(interpolate(instrumented('a', a), instrumented('b', b), lambda, a.keys())).rejects.toThrow(
        new UserError(`λ must be between 0 (model B) and 1 (model A), found ${lambda}`),
      )
      expect(order).toEqual([])
    }
  })
})

function weightsOf(first: number[], second: number[]): Map<string, Tensor> {
  return new Map([
    ['first', { shape: [first.length], data: Float32Array.from(first) }],
    ['second', { shape: [second.length], data: Float32Array.from(second) }],
  ])
}

/** Readers that write down what is asked of them, and the buffers that they gave. */
function recordReads() {
  const order: string[] = []
  const buffers = new Map<string, Float32Array>()
  const instrumented = (model: string, weights: ReadonlyMap<string, Tensor>): ParameterReader => {
    const read = readerOf(weights)
    return async (name) => {
      const tensor = await read(name)
      order.push(`${model} ${name}`)
      buffers.set(`${model} ${name}`, tensor.data)
      return tensor
    }
  }
  return { order, buffers, instrumented }
}
