import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { openSafetensors } from '@isthmus/checkpoint'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { prepareWork, type Work } from '../src/prepare-work.ts'
import { runOurs } from '../src/run-ours.ts'

const datasets = join(import.meta.dirname, '../../../datasets')
const models = [join(datasets, 'models/seed-1'), join(datasets, 'models/seed-2')] as const

let folder: string
let work: Work

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'isthmus-authors-test-'))
  work = await prepareWork(join(folder, 'work.safetensors'), models[0], datasets, { fraction: 0.001, blocks: 2 })
})

afterAll(() => rm(folder, { recursive: true }))

function run(method: string, lambdas: readonly number[]) {
  return runOurs({
    checkout: '',
    models,
    method,
    work: join(folder, 'work.safetensors'),
    lambdas,
    threads: 1,
    alignment: join(folder, 'alignment.safetensors'),
    result: join(folder, 'result.json'),
  })
}

describe('prepareWork', () => {
  it('writes sentences and as many masked blocks as asked for', async () => {
    await using file = await openSafetensors(join(folder, 'work.safetensors'))
    const lengths = (await file.readInt32('lengths')).data
    expect(work.blocks).toBe(2)
    expect(lengths.reduce((sum, length) => sum + length)).toBe(work.tokens)
    expect((await file.readInt32('tokens')).data).toHaveLength(work.tokens)
    expect((await file.readInt32('input_ids')).shape).toEqual([2, 128])
    expect((await file.readInt32('labels')).data.some((label) => label !== -100)).toBe(true)
  })
})

describe('runOurs', () => {
  it('gives a λ the same loss whatever λs come before it', async () => {
    const { losses } = await run('ffn', [0, 0.25, 0.5, 1])
    expect((await run('ffn', [0.5])).losses).toEqual([losses[2]])
    expect((await run('vanilla', [0, 1])).losses[1]).toBe(losses[3])
    expect(losses[2]).toBeGreaterThan(Math.max(losses[0]!, losses[3]!))
  })

  it('keeps the function of B, writes what it chose, and times every phase', async () => {
    const [loss] = (await run('vanilla', [0])).losses
    const { losses, phases } = await run('ffn+attention/head-perm', [0])
    // The aligned model sums in another order.
    expect(Math.abs(losses[0]! - loss!)).toBeLessThan(1e-5)
    expect(Object.keys(phases).sort()).toEqual([
      'apply',
      'capture',
      'correlation',
      'evaluation',
      'interpolation',
      'load',
      'matching',
    ])
    await using file = await openSafetensors(join(folder, 'alignment.safetensors'))
    expect([...file.tensors.keys()].filter((name) => name.startsWith('permutation|')).sort()).toEqual(
      [0, 1, 2, 3]
        .map((layer) => `permutation|attention.${layer}`)
        .concat([0, 1, 2, 3].map((layer) => `permutation|ffn.${layer}`)),
    )
    const { data } = await file.readInt32('permutation|ffn.3')
    expect([...data].sort((x, y) => x - y)).toEqual([...Array(512).keys()])
  })
})
