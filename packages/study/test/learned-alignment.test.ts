import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { type Cache, inProcessExecutor, openCache } from '@isthmus/dataflow'
import { UserError } from '@isthmus/tensor'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { computeNow, expandStudy, planStudy, runStudies, studyOperations } from '../src/index.ts'
import { learnedAlignmentArtifact } from '../src/operations/artifacts.ts'
import { type ArchitectureName, saveTinyFamily, saveTinyText } from './tiny-models.ts'

const workspace = resolve(import.meta.dirname, '../../..')
/** Interpreted on the backend that every machine has, on which a graph this small takes no time. */
const learned = { steps: 6, learningRate: 0.5, batchBlocks: 4, blockSize: 12, heldOutBlocks: 2, evaluateEvery: 2 }
let folder: string
let cache: Cache

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'isthmus-learned-'))
  cache = await openCache(join(folder, 'cache'))
  await saveTinyText(folder)
  for (const name of ['bert', 'gpt2', 'vit'] as const) await saveTinyFamily(folder, name)
})

afterAll(() => {
  cache.close()
  rmSync(folder, { recursive: true })
})

function studyOf(family: ArchitectureName, methods: string[], settings: object = {}) {
  const definition = {
    ...{ name: 'learned', title: 'Learned', family: join(folder, family), seeds: [1, 2], methods, lambdas: 3 },
    ...{ books: join(folder, 'books'), wikitext: join(folder, 'wiki.raw'), images: 'datasets/shapes' },
    alignment: { linesPerBook: 30, fraction: 0.5 },
    evaluation: { blockSize: 12, maskProbability: 0.3, blocks: 8 },
    learned: { ...learned, executionProvider: 'javascript', ...settings },
  }
  return { study: expandStudy(definition, 'study.ts'), resolvePath: (path: string) => resolve(workspace, path) }
}

async function runStudy(...study: Parameters<typeof studyOf>) {
  const run = await runStudies([studyOf(...study)], {
    cache,
    executor: inProcessExecutor(studyOperations, cache),
    version: 'test',
  })
  expect(run.result.failures).toEqual([])
  return run
}

describe('a study with learned matching', () => {
  it.each(['bert', 'gpt2'] as const)(
    'starts from the alignment of its start, and comes to one that keeps the function and is no worse: %s',
    async (family) => {
      const { result, rows, plans } = await runStudy(family, ['head-perm', 'head-perm+learned', 'learned'])
      const { alignments } = rows
      expect(alignments!.map(({ method, symmetry }) => [method, symmetry])).toEqual([
        ['ffn+attention/head-perm', 'kept'],
        ['ffn+attention/head-perm+learned', 'kept'],
        ['learned', 'kept'],
      ])
      for (const { maxAbsLogitDifference } of alignments!) expect(maxAbsLogitDifference).toBeLessThan(1e-4)
      const [start, fromStart, fromNothing] = alignments!.map(({ tokens }) => tokens)
      // Six steps of four blocks of twelve tokens, and two blocks held out; no pass over the text is so short as to end.
      expect(fromNothing).toBe((6 * 4 + 2) * 12)
      expect(fromStart).toBe(start! + fromNothing!)
      const learnings = plans[0]!.curves.filter(({ method }) => method.learnedFrom !== null)
      expect(learnings).toHaveLength(2)
      for (const { alignment } of learnings) {
        const { curve, bestStep } = learnedAlignmentArtifact.parse(result.artifact(alignment).value)
        expect(curve.map(({ step }) => step)).toEqual([0, 2, 4, 6])
        const least = Math.min(...curve.map(({ heldOutLoss }) => heldOutLoss))
        expect(curve.find(({ step }) => step === bestStep)!.heldOutLoss).toBe(least)
      }
    },
  )

  it('counts the seconds of its start, and of the text, with its own', async () => {
    const { rows } = await runStudy('bert', ['head-perm', 'head-perm+learned'])
    const { alignments, artifacts } = rows
    const secondsOf = (...operations: string[]) =>
      artifacts!
        .filter(({ operation }) => operations.includes(operation))
        .reduce((sum, { seconds }) => sum + seconds!, 0)
    const matching = secondsOf(
      'corpus.alignment-tokens',
      'activations.capture',
      'activations.correlate',
      'alignment.align',
    )
    expect(alignments![0]!.seconds).toBeCloseTo(matching, 9)
    expect(alignments![1]!.seconds).toBeCloseTo(matching + secondsOf('corpus.learning-blocks', 'alignment.learn'), 9)
  })
})

describe('planning learned matching', () => {
  const plan = ({ study, resolvePath }: ReturnType<typeof studyOf>) =>
    planStudy(study, {
      cache,
      resolvePath,
      compute: computeNow({ cache, executor: inProcessExecutor(studyOperations, cache) }),
    })

  it('refuses models that are no language models, and blocks that they cannot take', async () => {
    await expect(plan(studyOf('vit', ['weight-matching+learned']))).rejects.toThrow(
      new UserError(
        'weight-matching+learned learns by the loss of a language model on text, and seed-1 is none; choose another ' +
          'method, such as weight-matching',
      ),
    )
    await expect(plan(studyOf('bert', ['learned'], { blockSize: 128 }))).rejects.toThrow(
      new UserError('learned.blockSize is 128, but seed-1 takes at most 24 tokens: set learned.blockSize=24 or less'),
    )
  })

  it('refuses a range that ends before it begins, and too little text', async () => {
    expect(() => studyOf('bert', ['learned'], { lambdaRange: [0.6, 0.4] })).toThrow(
      new UserError('study.ts: learned.lambdaRange is [0.6,0.4]: the range must not end before it begins'),
    )
    const { study, resolvePath } = studyOf('bert', ['learned'], { heldOutBlocks: 1000 })
    const { result } = await runStudies([{ study, resolvePath }], {
      cache,
      executor: inProcessExecutor(studyOperations, cache),
      version: 'test',
    })
    expect(result.failures.map(({ error }) => (error as Error).message)[0]).toMatch(
      /^permutations are to be learned from 4 blocks a step beside 1000 held out, but the text has \d+: set learned.batchBlocks or learned.heldOutBlocks lower, or give more text$/,
    )
  })
})
