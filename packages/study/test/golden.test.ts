import { expect, it } from 'vitest'
import { studyOperations } from '../src/index.ts'
import { computeGolden } from './golden/compute-golden.ts'
import golden from './golden/operations.json' with { type: 'json' }

/** Results in the cache stay valid only while an operation of one version computes one thing. */
it('computes with every operation what that version of it has always computed', async () => {
  const results = await computeGolden()
  expect(results.map(({ label }) => label)).toEqual(golden.map(({ label }) => label))
  for (const [index, result] of results.entries()) {
    const advice =
      `'${result.label}' is not what ${result.operation} version ${golden[index]!.version} computed: if that is meant, ` +
      'raise the operation’s version and run node --import tsx test/golden/generate.ts'
    expectSame(result, golden[index], advice)
  }
})

it('covers every operation but the one that measures time', () => {
  const computed = golden.map(({ operation }) => operation)
  expect(new Set([...computed, 'training.step-seconds'])).toEqual(new Set(studyOperations.map(({ id }) => id)))
})

/** Equal but for the last digits of numbers, which f32 arithmetic in another order changes. */
function expectSame(actual: unknown, expected: unknown, advice: string): void {
  if (typeof actual === 'number' && typeof expected === 'number') {
    expect(Math.abs(actual - expected), advice).toBeLessThan(1e-3 * Math.max(1, Math.abs(expected)))
  } else if (typeof actual === 'object' && actual !== null && typeof expected === 'object' && expected !== null) {
    expect(Object.keys(actual), advice).toEqual(Object.keys(expected))
    for (const [key, value] of Object.entries(actual)) {
      expectSame(value, (expected as Record<string, unknown>)[key], advice)
    }
  } else {
    expect(actual, advice).toEqual(expected)
  }
}
