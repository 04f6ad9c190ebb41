import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { type Cache, inProcessExecutor, type Node, openCache } from '@isthmus/dataflow'
import { UserError } from '@isthmus/tensor'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import {
  computeNow,
  expandStudy,
  lambdaValues,
  type PlanContext,
  planStudy,
  type StudyPlan,
  studyOperations,
  sweep,
} from '../src/index.ts'

const workspace = resolve(import.meta.dirname, '../../..')
let directory: string
let cache: Cache
let context: PlanContext

beforeAll(async () => {
  directory = mkdtempSync(join(tmpdir(), 'isthmus-plan-'))
  cache = await openCache(directory)
  const executor = inProcessExecutor(studyOperations, cache)
  context = { cache, resolvePath: (path) => resolve(workspace, path), compute: computeNow({ cache, executor }) }
})

afterAll(() => {
  cache.close()
  rmSync(directory, { recursive: true })
})

function plan(settings: object): Promise<StudyPlan> {
  const study = expandStudy({ name: 'test', title: 'Test', alignment: { fraction: 0.002 }, ...settings }, 'study.ts')
  return planStudy(study, context)
}

const identities = (nodes: readonly { identity: string }[]) => new Set(nodes.map(({ identity }) => identity)).size

describe('planStudy', () => {
  it('lays out every pair × method × λ', async () => {
    const { curves } = await plan({ methods: ['vanilla', 'head-perm'], lambdas: 5 })
    expect(curves).toHaveLength(6 * 2)
    for (const { points } of curves) expect(points.map(({ lambda }) => lambda)).toEqual([0, 0.25, 0.5, 0.75, 1])
  })

  it('takes the endpoints of all curves from one evaluation a model, but not B of a method that breaks the symmetry', async () => {
    const { curves } = await plan({ methods: ['vanilla', 'head-perm', 'ignore-heads'], lambdas: 3 })
    const at = (lambda: number, symmetry: string) =>
      curves
        .filter(({ method }) => method.symmetry === symmetry)
        .map(({ points }) => points.find((point) => point.lambda === lambda)!.node)
    expect(identities([...at(1, 'kept'), ...at(1, 'broken'), ...at(0, 'kept')])).toBe(4)
    expect(identities(at(0, 'broken'))).toBe(6)
    for (const node of at(0, 'broken')) expect(node.operation.id).toBe('evaluation.interpolated-loss')
  })

  it('shares captures between pairs and correlations between methods', async () => {
    const { curves } = await plan({ methods: ['ffn', 'monotonic', 'head-perm'] })
    const correlations = curves.flatMap(({ alignment }) => [alignment.inputs.correlations].flat())
    expect(identities(correlations as { identity: string }[])).toBe(6 * 2)
    const captures = correlations.flatMap((node) => ('inputs' in node! ? [node.inputs.a, node.inputs.b] : []).flat())
    expect(identities(captures as { identity: string }[])).toBe(4 * 2)
  })

  it('aligns by weights without a text, and by weights and features from the correlations of the features', async () => {
    const { curves } = await plan({
      seeds: [1, 2],
      books: 'no/such/folder',
      methods: ['weight-matching', 'optimal-transport/sinkhorn'],
    })
    for (const { alignment, a, b } of curves) {
      expect(alignment.operation.id).toBe('alignment.align-weights')
      expect(alignment.inputs).toEqual({ a: a.checkpoint, b: b.checkpoint, correlations: [] })
    }
    expect(curves.map(({ alignment }) => (alignment.params as { sinkhorn: unknown }).sinkhorn)).toEqual([
      null,
      { regularization: 0.06, tolerance: 1e-6, maxIterations: 10_000 },
    ])
    const mixed = await plan({ seeds: [1, 2], methods: ['ffn+attention/weights'] })
    expect([mixed.curves[0]!.alignment.inputs.correlations].flat()).toHaveLength(1)
  })

  it('streams features past the budget instead of keeping them', async () => {
    const operations = async (budget: number) => {
      const { curves } = await plan({ methods: ['ffn'], seeds: [1, 2], capture: { budget } })
      return curves.flatMap(({ alignment }) =>
        [alignment.inputs.correlations].flat().map((node) => node!.kind === 'node' && node!.operation.id),
      )
    }
    expect(await operations(1e9)).toEqual(['activations.correlate'])
    expect(await operations(0)).toEqual(['activations.correlate-streamed'])
  })

  it('streams all features that any method needs in one node a pair', async () => {
    const { curves } = await plan({ methods: ['ffn', 'head-perm/qk'], seeds: [1, 2, 3], capture: { budget: 0 } })
    const correlations = curves.map(({ alignment }) => [alignment.inputs.correlations].flat() as Node[])
    expect(correlations.map((nodes) => nodes.length)).toEqual(curves.map(() => 1))
    expect(identities(correlations.flat())).toBe(3)
    const [node] = correlations[0]!
    const sets = (node!.params as { sets: { name: string }[] }).sets.map(({ name }) => name)
    expect(new Set(sets.map((name) => name.split('.')[0]))).toEqual(new Set(['ffn', 'attention', 'queryKey']))
    expect(new Set(sets).size).toBe(sets.length)
  })

  it('lays out a sweep as its variants by themselves, opening what they share once', async () => {
    const settings = { methods: ['vanilla', 'ffn', 'weight-matching'], seeds: [1, 2, 3], lambdas: 3 }
    const points = [
      { alignment: { fraction: 0.002, seed: 0 }, evaluation: { seed: 0 } },
      { alignment: { fraction: 0.002, seed: 0 }, evaluation: { seed: 1 } },
      { alignment: { fraction: 0.002, seed: 1 }, evaluation: { seed: 0 } },
      { alignment: { fraction: 0.002, seed: 1 }, evaluation: { seed: 1 } },
    ]
    const seed = sweep([0, 1])
    const swept = { ...settings, alignment: { fraction: 0.002, seed }, evaluation: { seed } }
    const study = expandStudy({ name: 'test', title: 'Test', ...swept }, 'study.ts')
    const opened: string[] = []
    const resolvePath = (path: string) => {
      opened.push(path)
      return context.resolvePath(path)
    }
    const together = await planStudy(study, { ...context, resolvePath })
    expect(opened.sort()).toEqual([
      ...['datasets/books', 'datasets/models/seed-1', 'datasets/models/seed-2', 'datasets/models/seed-3'],
      'datasets/wiki/wiki.valid.raw',
    ])
    const alone: StudyPlan[] = []
    for (const point of points) alone.push(await plan({ ...settings, ...point }))
    const laidOut = ({ curves }: StudyPlan) =>
      curves.map(({ alignment, gate, points }) => [
        ...[alignment, gate].map(({ identity }) => identity),
        ...points.map(({ node }) => node.identity),
      ])
    expect(laidOut(together)).toEqual(alone.flatMap(laidOut))
  })

  it('does not evaluate a point before the gate has passed', async () => {
    const { curves } = await plan({ methods: ['ffn'], seeds: [1, 2], lambdas: 3 })
    expect(curves[0]!.points[1]!.node.after).toEqual([curves[0]!.gate])
  })

  it('says which folder is missing', async () => {
    await expect(plan({ seeds: [1, 77] })).rejects.toThrow(UserError)
    await expect(plan({ seeds: [1, 77] })).rejects.toThrow(/seed-77: there is no such folder; check the path/)
  })

  it('says which engine is unknown', async () => {
    await expect(plan({ engine: { name: 'abacus' } })).rejects.toThrow(
      new UserError("no engine 'abacus'; the engines are onnx, tfjs"),
    )
  })
})

describe('lambdaValues', () => {
  it('gives the 21 points of the paper exactly', () => {
    expect(lambdaValues(21)).toEqual(Array.from({ length: 21 }, (_, i) => Number((i * 0.05).toFixed(2))))
  })
  it('sorts points and takes each once', () => {
    expect(lambdaValues([1, 0, 0.5, 0.5])).toEqual([0, 0.5, 1])
  })
})
