import { join } from 'node:path'
import { writeSafetensors } from '@isthmus/checkpoint'
import { expect, it } from 'vitest'
import { agreementOf } from '../src/agreement.ts'
import { withFolder } from '../src/run-side.ts'

/** Rows of A: feature 0 is as much like B's 1 as like its 2. */
const correlation = Float32Array.of(0.1, 0.5, 0.5, 0.2, 0.4, 0.4, 0.9, 0.3, 0.3)

async function write(folder: string, name: string, matrix: Float32Array, permutation: readonly number[]) {
  const alignment = join(folder, name)
  await writeSafetensors(alignment, [
    { name: 'correlation|ffn.0', dtype: 'F32', shape: [3, 3], data: matrix },
    { name: 'permutation|ffn.0', dtype: 'I32', shape: [3], data: Int32Array.from(permutation) },
  ])
  return alignment
}

it('measures correlations, permutations and losses', async () => {
  await withFolder(async (folder) => {
    const shifted = correlation.map((value, k) => (k === 4 ? value + 0.25 : value))
    const ours = { alignment: await write(folder, 'ours', correlation, [1, 2, 0]), losses: [3, 4] }
    const theirs = { alignment: await write(folder, 'theirs', shifted, [1, 0, 2]), losses: [3, 4.5] }
    const { objective, correlation: largest, ...rest } = await agreementOf(ours, theirs)
    expect(rest).toEqual({ entries: 3, differing: 2, loss: 0.5 })
    expect(largest).toBeCloseTo(0.25, 6)
    // Ours reaches 0.5 + 0.4 + 0.9, theirs 0.5 + 0.2 + 0.3.
    expect(objective).toBeCloseTo(0.8 / 3, 6)
  })
})

it('takes permutations that reach the same for a tie', async () => {
  await withFolder(async (folder) => {
    const ours = { alignment: await write(folder, 'ours', correlation, [1, 2, 0]), losses: [] }
    const theirs = { alignment: await write(folder, 'theirs', correlation, [2, 1, 0]), losses: [] }
    expect(await agreementOf(ours, theirs)).toMatchObject({ correlation: 0, differing: 2, objective: 0 })
  })
})

it('has no figure for losses that are not as many, and none of correlations for vanilla', async () => {
  await withFolder(async (folder) => {
    const alignment = join(folder, 'vanilla')
    await writeSafetensors(alignment, [])
    const agreement = await agreementOf({ alignment, losses: [1] }, { alignment, losses: [1, 2] })
    expect(agreement).toEqual({ correlation: null, entries: 0, differing: 0, objective: 0, loss: Number.NaN })
  })
})
