import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { type Cache, inProcessExecutor, openCache } from '@isthmus/dataflow'
import { lossBarrier } from '@isthmus/evaluation'
import type { CurvePointRow } from '@isthmus/results'
import { UserError } from '@isthmus/tensor'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { computeNow, expandStudy, planStudy, runStudies, type StudyDefinition, studyOperations } from '../src/index.ts'
import { saveTinyFamily, saveTinyTask, saveTinyText } from './tiny-models.ts'

const workspace = resolve(import.meta.dirname, '../../..')
/** One of each kind of evaluation set: masked blocks, blocks of next tokens, images. */
const architectures = ['bert', 'gpt2', 'vit'] as const
let folder: string
let cache: Cache

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'isthmus-precision-'))
  cache = await openCache(join(folder, 'cache'))
  await saveTinyText(folder)
  for (const architecture of architectures) await saveTinyFamily(folder, architecture)
})

afterAll(() => {
  cache.close()
  rmSync(folder, { recursive: true })
})

type Settings = Omit<StudyDefinition, 'name' | 'title'>

const resolvePath = (path: string) =>
  path.startsWith('tiny/') ? join(folder, path.slice(5)) : resolve(workspace, path)
const expand = (settings: Settings) =>
  expandStudy({ name: 'test', title: 'Test', seeds: [1, 2], lambdas: 3, ...settings }, 'study.ts')

async function run(settings: Settings, inCache = cache) {
  const executor = inProcessExecutor(studyOperations, inCache)
  const study = expand(settings)
  const { rows, result } = await runStudies([{ study, resolvePath }], { cache: inCache, executor, version: '0' })
  if (result.failures[0] !== undefined) throw result.failures[0].error
  return { points: rows.curvePoints!, estimates: rows.estimates! }
}

function plan(settings: Settings) {
  const executor = inProcessExecutor(studyOperations, cache)
  return planStudy(expand(settings), { cache, resolvePath, compute: computeNow({ cache, executor }) })
}

const lossesOf = (points: readonly CurvePointRow[]) => points.map(({ lam, loss }) => ({ lambda: lam, loss }))

describe('evaluation.precision', () => {
  for (const architecture of architectures) {
    it(`gives on all blocks what is taken on all blocks: ${architecture}`, async () => {
      const evaluation = { blockSize: 12, maskProbability: 0.3, blocks: 20 }
      const common = {
        ...{ family: `tiny/${architecture}`, books: 'tiny/books', wikitext: 'tiny/wiki.raw' },
        ...{ methods: ['vanilla', 'ffn'], alignment: { linesPerBook: 30, fraction: 0.5 } },
      }
      const all = await run({ ...common, evaluation })
      const { points, estimates } = await run({ ...common, evaluation: { ...evaluation, precision: 1e-9 } })
      expect(all.estimates).toEqual([])
      expect(estimates.map(({ method }) => method)).toEqual(['vanilla', 'ffn'])
      for (const { method, blocks, blocksInAll, tokens, tokensInAll, barrier, low, high } of estimates) {
        expect([blocks, blocksInAll]).toEqual([20, 20])
        expect(tokens).toBeLessThanOrEqual(tokensInAll)
        expect(tokensInAll).toBe(20 * 3 * (architecture === 'vit' ? 1 : 12))
        const of = (rows: readonly CurvePointRow[]) => lossesOf(rows.filter((row) => row.method === method))
        // In f32, in batches of other blocks.
        const expected = lossBarrier(of(all.points)).barrier
        expect(Math.abs(barrier - expected)).toBeLessThan(1e-5)
        expect(low).toBeLessThanOrEqual(expected)
        expect(high).toBeGreaterThanOrEqual(expected)
        expect(high - low).toBeLessThan(3e-5)
        // In f64, of sums in another order.
        expect(Math.abs(lossBarrier(of(points)).barrier - barrier)).toBeLessThan(1e-12)
      }
    })
  }

  const shipped: Settings = { methods: ['vanilla'], lambdas: 5, evaluation: { blocks: 120, precision: 1 } }

  it('stops early on the shipped models, and its interval holds the barrier on all blocks', async () => {
    const { points, estimates } = await run(shipped)
    const all = await run({ ...shipped, evaluation: { blocks: 120 } })
    const { barrier } = lossBarrier(lossesOf(all.points))
    const [estimate] = estimates
    expect(estimate!.blocks).toBeLessThan(120)
    expect(estimate!.low).toBeLessThanOrEqual(barrier)
    expect(estimate!.high).toBeGreaterThanOrEqual(barrier)
    expect(estimate!.high - estimate!.low).toBeLessThanOrEqual(1)
    expect(estimate!.tokens).toBeLessThan(estimate!.tokensInAll / 2)
    expect(points).toHaveLength(5)
    for (const { loss, perplexity } of points) expect(perplexity).toBe(Math.exp(loss))
  })

  it('computes the same bits anew', async () => {
    const other = await openCache(join(folder, 'other-cache'))
    expect(await run(shipped, other)).toEqual(await run(shipped))
    other.close()
  })

  it('is one node a curve, after its gate, and none where it is null', async () => {
    const { curves } = await plan(shipped)
    const [{ estimate, points, gate }] = curves as [(typeof curves)[0]]
    expect(points).toEqual([])
    expect(estimate!.after).toEqual([gate])
    expect(estimate!.params).toMatchObject({
      lambdas: [0, 0.25, 0.5, 0.75, 1],
      precision: 1,
      confidence: 0.95,
      seed: 0,
    })
    const off = await plan({ ...shipped, evaluation: { blocks: 120, precision: null } })
    expect(off.curves[0]!.estimate).toBeNull()
    expect(off.curves[0]!.points).toHaveLength(5)
  })

  it('is refused on a task, and where it is not above 0', async () => {
    const family = 'tiny/bert'
    const task = await saveTinyTask(folder, 'early', 'classes')
    await expect(plan({ family, task, methods: ['vanilla'], evaluation: { precision: 0.1 } })).rejects.toThrow(
      new UserError(
        'evaluation.precision is for losses on a text or on images, but the losses of this study are taken on the task ' +
          'early: set evaluation.precision=null',
      ),
    )
    expect(() => expand({ evaluation: { precision: 0 } })).toThrow(/study\.ts: evaluation\.precision is 0: Too small/)
  })
})
