import * as tf from '@tensorflow/tfjs'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { openBackend } from '../src/gradients.ts'

/** Expect WebAssembly to compute what plain JavaScript does, and to keep nothing but the result. */
async function expectEqualOnBoth(compute: () => tf.Tensor): Promise<void> {
  const [onWasm, onJavascript] = [await resultOn('wasm', compute), await resultOn('javascript', compute)]
  expect(onWasm).toEqual(onJavascript)
}

async function resultOn(backend: 'wasm' | 'javascript', compute: () => tf.Tensor) {
  await openBackend(backend)
  const held = tf.engine().backend.numDataIds()
  const result = tf.tidy(compute)
  const { shape, dtype } = result
  const values = [...result.dataSync()]
  result.dispose()
  expect(tf.engine().backend.numDataIds()).toBe(held)
  return { shape, dtype, values }
}

/** Integers, whose sums and products f32 holds exactly: results are equal in whatever order they are summed. */
function integers(shape: readonly number[], seed: number): tf.Tensor {
  const data = Float32Array.from({ length: tf.util.sizeFromShape([...shape]) }, (_, i) => ((i * 31 + seed) % 13) - 6)
  return tf.tensor(data, [...shape])
}

const size = fc.integer({ min: 1, max: 40 })
const outerShape = fc.array(fc.integer({ min: 1, max: 3 }), { maxLength: 2 })

describe('the kernels of the WebAssembly backend', () => {
  it('multiply matrices and batches of them, either factor transposed', async () => {
    const property = fc.asyncProperty(
      fc.record({ m: size, k: size, n: size, outer: outerShape, transposeA: fc.boolean(), transposeB: fc.boolean() }),
      ({ m, k, n, outer, transposeA, transposeB }) =>
        expectEqualOnBoth(() => {
          const a = integers([...outer, ...(transposeA ? [k, m] : [m, k])], 1)
          const b = integers([...outer, ...(transposeB ? [n, k] : [k, n])], 2)
          return tf.matMul(a, b, transposeA, transposeB)
        }),
    )
    await fc.assert(property, { numRuns: 25 })
  })

  it('multiply a batch by one matrix, and refuse what cannot be multiplied', async () => {
    await expectEqualOnBoth(() => tf.matMul(integers([3, 4, 5], 1), integers([5, 6], 2)))
    await expectEqualOnBoth(() => tf.matMul(integers([4, 5], 1), integers([2, 6, 5], 2), false, true))
    await openBackend('wasm')
    expect(() => tf.matMul(integers([3, 4], 1), integers([5, 6], 2))).toThrow(/inner shapes \(4\) and \(5\)/)
  })

  it('sum over any axes', async () => {
    for (const [rows, columns] of [
      [1, 3],
      [7, 5],
      [8, 1],
    ] as const) {
      for (const axis of [0, 1, [0, 1]]) {
        for (const keepDims of [false, true]) {
          await expectEqualOnBoth(() => tf.sum(integers([rows, columns], 3), axis, keepDims))
        }
      }
    }
    await expectEqualOnBoth(() => tf.sum(integers([3, 4, 5], 3), 0))
    await expectEqualOnBoth(() => tf.sum(tf.cast(integers([3, 4], 3), 'int32'), 0))
  })

  it('gather along any axis', async () => {
    const indices = () => tf.tensor([2, 0, 2, 1], [2, 2], 'int32')
    await expectEqualOnBoth(() => tf.gather(integers([3, 4], 4), indices()))
    await expectEqualOnBoth(() => tf.gather(integers([3, 4, 5], 4), indices()))
    await expectEqualOnBoth(() => tf.gather(integers([3], 4), indices()))
    await expectEqualOnBoth(() => tf.gather(integers([4, 3], 4), indices(), 1))
    await expectEqualOnBoth(() => tf.gather(integers([2, 3], 4), indices(), 1, 1))
    await expectEqualOnBoth(() => tf.gather(tf.cast(integers([3, 4], 4), 'int32'), indices()))
  })

  it('share the memory of a copy, which either may outlive', async () => {
    await openBackend('wasm')
    const original = integers([2, 3], 5)
    const values = original.dataSync()
    const copy = tf.clone(original)
    original.dispose()
    expect(copy.dataSync()).toEqual(values)
    copy.dispose()
  })
})
