import { type Graph, interpret } from '@isthmus/model'
import type { Tensor } from '@isthmus/tensor'
import { expect } from 'vitest'
import type { Feeds, Program, Weights } from '../../src/engine.ts'

/** f32 carries 7 digits, of which sums over a few dozen terms, and norms of features that vary little, take 3. It is
 *  relative to the largest element of a result, for small ones are differences of large ones. */
export const tolerance = 1e-4

/** Run a program, and expect what the reference interpreter computes in f64 from the same weights and feeds. */
export async function expectAgreement(
  program: Program,
  graph: Graph,
  weights: Weights,
  feeds: Feeds,
  outputs: readonly string[],
): Promise<Record<string, Tensor>> {
  const results = await program.run(weights, feeds)
  const parameters = new Map(
    [...weights].map(([name, { shape, data }]) => [name, { shape, data: Float64Array.from(data) }]),
  )
  const expected = interpret(graph, parameters, feeds, outputs)
  expect(Object.keys(results).sort()).toEqual([...outputs].sort())
  for (const name of outputs) expectClose(results[name]!, expected[name]!, name)
  return results
}

/** Expect equal shapes, and elements equal to rounding in f32. */
export function expectClose(found: Tensor, expected: Tensor<Float64Array | Float32Array>, name: string): void {
  expect(found.shape, name).toEqual(expected.shape)
  expect(found.data.length, name).toBe(expected.data.length)
  expect(relativeDifference(found.data, expected.data), name).toBeLessThan(tolerance)
}

/** max |x − y| / max(1, max |y|); NaN where either has one. */
export function relativeDifference(x: ArrayLike<number>, y: ArrayLike<number>): number {
  let difference = 0
  let largest = 1
  for (let i = 0; i < y.length; i++) {
    difference = Math.max(difference, Math.abs(x[i]! - y[i]!))
    largest = Math.max(largest, Math.abs(y[i]!))
  }
  return difference / largest
}
