import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { type Cache, inProcessExecutor, nodesOf, openCache } from '@isthmus/dataflow'
import type { ResultRows } from '@isthmus/results'
import { UserError } from '@isthmus/tensor'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import {
  expandStudy,
  nodePattern,
  type RunStudiesOptions,
  runStudies,
  type StudyPlan,
  selectNodes,
  studyOperations,
  sweep,
} from '../src/index.ts'
import { saveTinyFamily, saveTinyText } from './tiny-models.ts'

let folder: string
let cache: Cache

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'isthmus-partial-'))
  await saveTinyFamily(folder, 'bert')
  await saveTinyText(folder)
})

beforeEach(async () => {
  cache = await openCache(mkdtempSync(join(folder, 'cache-')))
})

afterAll(() => rmSync(folder, { recursive: true }))

async function runTiny(options: Partial<RunStudiesOptions> = {}) {
  const definition = {
    name: 'tiny',
    title: 'Tiny',
    family: join(folder, 'bert'),
    seeds: [1, 2],
    methods: ['vanilla', 'ffn'],
    lambdas: 3,
    books: join(folder, 'books'),
    wikitext: join(folder, 'wiki.raw'),
    alignment: { linesPerBook: 30, fraction: 0.5 },
    evaluation: { blockSize: 12, maskProbability: 0.3, blocks: 4, seed: sweep([0, 1]) },
  }
  const executor = inProcessExecutor(studyOperations, cache)
  const placed = { study: expandStudy(definition, 'study.ts'), resolvePath: (path: string) => resolve(folder, path) }
  return runStudies([placed], { cache, executor, version: 'test', ...options })
}

const labelsOf = (plan: StudyPlan, patterns: readonly string[]) =>
  selectNodes(plan.targets, patterns).map(({ label }) => label)

describe('selectNodes', () => {
  it('chooses by a part of a label, an operation, a glob over either, or the beginning of an identity', async () => {
    const [plan] = (await runTiny({ only: ['mask'] })).plans
    expect(labelsOf(plan!, ['gate ffn'])).toEqual(['gate ffn on seed-1 and seed-2'])
    expect(new Set(labelsOf(plan!, ['evaluation.model-loss']))).toEqual(new Set(['loss of seed-1', 'loss of seed-2']))
    expect(labelsOf(plan!, ['loss of seed-?'])).toEqual(labelsOf(plan!, ['evaluation.model-loss']))
    expect(labelsOf(plan!, ['merging.*', 'gate*'])).toHaveLength(2)
    expect(labelsOf(plan!, ['gate'])).toHaveLength(2)
    expect(selectNodes(plan!.targets, [])).toBe(plan!.targets)
    for (const node of nodesOf(plan!.targets)) expect(selectNodes(plan!.targets, [nodePattern(node)])).toEqual([node])
  })

  it('takes the characters of regular expressions for themselves', async () => {
    const [plan] = (await runTiny({ only: ['mask'] })).plans
    expect(labelsOf(plan!, ['*ffn at λ = 0.5'])).toHaveLength(2)
    expect(() => selectNodes(plan!.targets, ['*ffn at λ = 0+5'])).toThrow(UserError)
    expect(() => selectNodes(plan!.targets, ['merging-equivalence*'])).toThrow(UserError)
  })

  it('says what there is where nothing matches', async () => {
    const run = runTiny({ only: ['gate', 'no such step'] })
    await expect(run).rejects.toThrow(UserError)
    await expect(run).rejects.toThrow(
      /^--only no such step: none of the 18 steps has such a label or operation; there are 'align .*', '.* and others, which isthmus plan --explain lists$/,
    )
    await expect(runTiny({ only: ['key:'] })).rejects.toThrow(UserError)
  })
})

describe('a run of a part of a study', () => {
  it('computes what is asked for and what that needs, and records curves whose gate has passed', async () => {
    const { result, rows } = await runTiny({ only: ['gate ffn'] })
    expect(result).toMatchObject({ interrupted: false, counts: { failed: 0 } })
    expect(rows.alignments!.map(({ method }) => method)).toEqual(['ffn', 'ffn'])
    expect(rows.curvePoints).toEqual([])
    expect(rows.studyRuns).toMatchObject([{ finishedAt: null }])
    expect(new Set(rows.artifacts!.map(({ operation }) => operation))).toEqual(
      new Set([
        ...['corpus.alignment-tokens', 'activations.capture', 'activations.correlate'],
        ...['alignment.align', 'merging.equivalence-gate'],
      ]),
    )
  })

  it('comes to the same in parts as at once', async () => {
    const whole = await runTiny()
    expect(whole.rows.studyRuns).toMatchObject([{ finishedAt: expect.any(String) }])
    cache = await openCache(mkdtempSync(join(folder, 'cache-')))
    await runTiny({ only: ['gate'] })
    let pieces = await runTiny({ limit: 3 })
    expect(pieces.result).toMatchObject({ limited: true, counts: { ran: 3 } })
    while (pieces.result.limited) pieces = await runTiny({ limit: 3 })
    const points = ({ rows }: typeof pieces) =>
      rows.curvePoints!.map(({ run, variant, lam, digest }) => [run, variant, lam, digest])
    expect(points(pieces)).toEqual(points(whole))
  })

  it('keeps in the cache what the whole study used', async () => {
    const used = () => new Set(cache.uses.list().find(({ name }) => name === 'tiny')!.keys)
    await runTiny({ only: ['gate'] })
    const part = used()
    await runTiny()
    const whole = used()
    expect(whole.size).toBeGreaterThan(part.size)
    await runTiny({ only: ['gate'] })
    expect(used()).toEqual(whole)
  })
})

describe('a run that records meanwhile', () => {
  it('hands over the rows of what has finished, and in the end has the same', async () => {
    const during: ResultRows[] = []
    const record = async (rows: ResultRows) => void during.push(rows)
    const { rows } = await runTiny({ recorder: { record, intervalSeconds: 0.02 } })
    expect(during.length).toBeGreaterThan(0)
    const counts = during.map(({ artifacts = [] }) => artifacts.length)
    expect(counts).toEqual([...new Set(counts)].sort((x, y) => x - y))
    for (const part of during) {
      expect(rows.artifacts).toEqual(expect.arrayContaining([...part.artifacts!]))
      expect(rows.curvePoints).toEqual(expect.arrayContaining([...part.curvePoints!]))
    }
    expect(during[0]!.studyRuns![0]!.finishedAt).toBeNull()
    expect(rows.studyRuns![0]!.finishedAt).not.toBeNull()
  })

  it('fails where they cannot be recorded, with all that has finished in the cache', async () => {
    const record = () => Promise.reject(new UserError('the disk is full'))
    const failing = runTiny({ recorder: { record, intervalSeconds: 0.02 } })
    await expect(failing).rejects.toThrow('the disk is full')
    const { result } = await runTiny()
    expect(result.counts.cached).toBe(result.counts.total)
  })
})
