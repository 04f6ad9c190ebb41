import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Checkpoint } from '@isthmus/checkpoint'
import { type Cache, inProcessExecutor, openCache, type RunEvent, run } from '@isthmus/dataflow'
import { graphOf } from '@isthmus/model'
import { UserError } from '@isthmus/tensor'
import type { PretrainingPhase } from '@isthmus/training'
import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import {
  computeNow,
  expandFamily,
  type FamilyDefinition,
  type FamilyPlan,
  openModels,
  overrideSettings,
  planFamily,
  runFamily,
  studyOperations,
} from '../src/index.ts'
import { stepsIn } from '../src/operations/step-seconds.ts'
import { saveTinyFamily } from './tiny-models.ts'

const steps = 12
/** A BERT of one layer on the letters of a few sentences, by the plain JavaScript backend, which is the same everywhere. */
const definition: FamilyDefinition = {
  kind: 'family',
  name: 'tiny',
  title: 'Tiny',
  seeds: [1, 2],
  steps,
  architecture: {
    numHiddenLayers: 1,
    hiddenSize: 8,
    numAttentionHeads: 2,
    intermediateSize: 12,
    maxPositionEmbeddings: 24,
  },
  tokenizer: 'bert/seed-1',
  books: 'books',
  wikitext: 'wiki.raw',
  validation: { wikitext: 'wiki.raw', blockSize: 16, maskProbability: 0.5, blocks: 4, every: 4 },
  recordEvery: 3,
  phases: [
    { until: 4, objective: 'nextToken', blockLength: 8, randomPosition: true },
    { until: 0.7, objective: 'maskedLanguageModel', blockLength: 8, randomPosition: true },
    { until: 1, objective: 'maskedLanguageModel', blockLength: 16, randomPosition: false },
  ],
  tokensPerStep: 64,
  maskProbability: 0.5,
  optimizer: { learningRate: 0.03, warmupSteps: 3 },
  executionProvider: 'javascript',
}

let directory: string
let cache: Cache

beforeAll(async () => {
  directory = mkdtempSync(join(tmpdir(), 'isthmus-family-'))
  cache = await openCache(join(directory, 'cache'))
  await saveTinyFamily(directory, 'bert')
  const sentences = Array.from({ length: 40 }, (_, i) => 'the cat sat on a mat and ate rats'.slice(i % 7)).join('\n')
  mkdirSync(join(directory, 'books/novels'), { recursive: true })
  writeFileSync(join(directory, 'books/novels/cats.txt'), sentences)
  writeFileSync(join(directory, 'wiki.raw'), ` = Cat = \n\n${sentences}\n`)
})

afterAll(() => {
  cache.close()
  rmSync(directory, { recursive: true })
})

const resolvePath = (path: string) => join(directory, path)

function placed(changes: readonly string[] = []) {
  return { family: expandFamily(overrideSettings(definition, changes), 'study.ts'), resolvePath }
}

function plan(changes: readonly string[] = [], own = cache): Promise<FamilyPlan> {
  const { family } = placed(changes)
  const compute = computeNow({ cache: own, executor: inProcessExecutor(studyOperations, own) })
  return planFamily(family, { cache: own, resolvePath, compute })
}

function runTiny(changes: readonly string[] = []) {
  return runFamily(placed(changes), {
    cache,
    executor: inProcessExecutor(studyOperations, cache),
    version: '0.0.0',
  })
}

describe('runFamily', () => {
  it('trains a model for each seed, as a Hugging Face folder, and records the curves', async () => {
    const { models, result, rows } = await runTiny()
    expect(result.failures).toEqual([])
    expect(models.map(({ name }) => name)).toEqual(['seed-1', 'seed-2'])
    for (const { files, curve } of models) {
      expect(curve.map(({ step }) => step)).toEqual([3, 6, 9, 12])
      expect(curve.map(({ validationLoss }) => validationLoss !== null)).toEqual([false, false, false, true])
      expect(curve.at(-1)!.learningRate).toBeLessThan(0.03)
      await using checkpoint = await Checkpoint.open(files)
      const graph = graphOf(checkpoint.config, 'config.json')
      expect(Object.fromEntries([...checkpoint.tensors].map(([name, { shape }]) => [name, [...shape]]))).toEqual(
        Object.fromEntries(graph.parameters.map(({ name, shape }) => [name, [...shape]])),
      )
      expect(readFileSync(files['vocab.txt']!, 'utf8')).toContain('[MASK]')
    }
    const weights = models.map(({ files }) => readFileSync(files['model.safetensors']!, 'latin1'))
    expect(weights[0]).not.toBe(weights[1])
    expect(rows.trainings).toHaveLength(8)
    expect(rows.trainings![0]).toMatchObject({ study: 'tiny', model: 'seed-1', step: 3, validationLoss: null })
    expect(rows.studyRuns![0]).toMatchObject({ study: 'tiny', nodesFailed: 0 })
  })

  it('lowers the losses by learning', async () => {
    const { models } = await runTiny(['seeds=1', 'steps=40', 'recordEvery=1'])
    const { curve } = models[0]!
    const vocabularySize = 57
    expect(Math.abs(curve[0]!.loss - Math.log(vocabularySize))).toBeLessThan(0.2)
    expect(curve.at(-1)!.loss).toBeLessThan(Math.log(vocabularySize) - 1)
    expect(curve.at(-1)!.validationLoss!).toBeLessThan(Math.log(vocabularySize) - 1)
  })

  it('records models under the digest by which studies know their folders', async () => {
    const { models, rows } = await runTiny()
    const folder = join(directory, 'written')
    mkdirSync(folder)
    for (const [name, path] of Object.entries(models[0]!.files)) {
      writeFileSync(join(folder, name), readFileSync(path))
    }
    const [model] = await openModels(cache, [folder])
    expect(rows.models![0]!.digest).toBe(model!.checkpoint.artifact.digest)
  })

  it('goes on from where it was interrupted, to the same bytes', async () => {
    const undisturbed = await runTiny(['seeds=5'])
    const other = await openCache(join(directory, 'interrupted'))
    try {
      const { targets } = await plan(['seeds=5'], other)
      const executor = inProcessExecutor(studyOperations, other)
      const abort = new AbortController()
      const done: number[] = []
      const onEvent = (event: RunEvent) => {
        if (event.type !== 'progress' || event.node.operation.id !== 'training.pretrain') return
        done.push(event.done)
        if (event.done === 5) abort.abort(new Error('interrupted'))
      }
      const broken = await run(targets, { cache: other, executor, onEvent, signal: abort.signal })
      expect(broken.interrupted).toBe(true)
      const resumed = await run(targets, { cache: other, executor, onEvent })
      expect(done).toEqual(Array.from({ length: steps }, (_, i) => i + 1))
      expect(resumed.artifact(targets[0]!).digest).toBe(
        undisturbed.result.artifact(undisturbed.plan.models[0]!.node).digest,
      )
    } finally {
      other.close()
    }
  })
})

describe('planFamily', () => {
  it('takes the number of steps from the minutes, and the same when it is asked again', async () => {
    const changes = ['minutes=0.02', 'seeds=1']
    const [first, again] = [await plan(changes), await plan(changes)]
    const { phases, recipe } = first.models[0]!.params
    expect(recipe.steps).toBeGreaterThan(0)
    expect(phases.at(-1)!.until).toBe(recipe.steps)
    expect(again.models[0]!.params).toEqual(first.models[0]!.params)
    expect([...cache.actions.records()].filter(({ operation }) => operation === 'training.step-seconds')).toHaveLength(
      1,
    )
  })

  it('leaves out phases that are over before they begin', async () => {
    const { models } = await plan(['steps=3'])
    expect(models[0]!.params.phases).toEqual([
      { until: 3, objective: 'nextToken', blockLength: 8, randomPosition: true },
    ])
  })

  it.each([
    [['tokenizer=nowhere'], /^no tokenizer in nowhere: expected tokenizer.json/],
    [['books=null', 'wikitext=null'], /^books and wikitext are both null: there is no text to train on/],
    [['books=nowhere'], /^cannot read the folder of books .*nowhere: ENOENT/],
    [
      ['architecture.maxPositionEmbeddings=12'],
      /^phases has blocks of 16 tokens, but the model has 12 positions: shorten/,
    ],
    [
      ['tokensPerStep=10'],
      /^tokensPerStep is 10, but one block of phases has 16 tokens: set tokensPerStep=16 or more$/,
    ],
    [
      ['validation.blockSize=30'],
      /^validation.blockSize is 30, but the models have 24 positions: set validation.blockSize=24/,
    ],
    [['architecture.numAttentionHeads=3'], /^architecture: .*3/],
    [['executionProvider=abacus'], /^TensorFlow.js has no backend 'abacus'/],
    [
      ['phases=[{"until":0.5,"objective":"nextToken","blockLength":8,"randomPosition":false}]'],
      /^the phases end after 6 of 12 steps: set until=1 in the last/,
    ],
  ])('refuses %j with a sentence', async (changes, sentence) => {
    const planned = plan(changes)
    await expect(planned).rejects.toThrow(UserError)
    await expect(planned).rejects.toThrow(sentence)
  })

  it('says where the text is too short for a block', async () => {
    writeFileSync(join(directory, 'short.raw'), 'cat')
    const { result } = await runTiny(['books=null', 'wikitext=short.raw'])
    expect(result.failures.map(({ error }) => error.message)).toEqual(
      Array(2).fill(
        'the training text has 3 tokens, but one block of 8 needs 6 beside [CLS] and [SEP]; give a longer text or shorter blocks',
      ),
    )
  })
})

describe('expandFamily', () => {
  it.each([
    [['step=3'], "there is no setting 'step'; the settings are seeds, steps, minutes, "],
    [['optimizer.speed=3'], "there is no setting 'optimizer.speed'; the settings of optimizer are learningRate, "],
    [['steps=0'], 'steps is 0: '],
    [['seeds=1,1'], 'seeds names 1 twice'],
    [['seeds=[]'], 'seeds is empty: name a seed for each model'],
    [
      ['optimizer.learningRate=sweep(1e-3,2e-3)'],
      'optimizer.learningRate is swept, but a family is trained by one recipe: run it once for each value',
    ],
    [
      ['phases=[{"until":1.5,"objective":"nextToken","blockLength":8,"randomPosition":true}]'],
      'phases.0.until is 1.5: ',
    ],
    [
      ['phases=[{"until":1,"goal":"nextToken","objective":"nextToken","blockLength":8,"randomPosition":true}]'],
      "there is no setting 'phases.0.goal'; the settings of phases.0 are until, objective, blockLength, randomPosition",
    ],
  ])('refuses %j with a sentence', (changes, sentence) => {
    expect(() => placed(changes)).toThrow(`study.ts: ${sentence}`)
  })

  it('has the recipe of the family that ships as its default', () => {
    const { settings } = expandFamily({ kind: 'family', name: 'family', title: 'Family' }, 'study.ts')
    expect(settings).toMatchObject({
      steps: 15_000,
      minutes: null,
      tokensPerStep: 1024,
      initialization: { standardDeviation: 0.05, positions: 'sinusoids', queryKeyScale: 1.6 },
      optimizer: { learningRate: 1.5e-3, warmupSteps: 300, betas: [0.9, 0.98], maxGradientNorm: 1 },
    })
  })
})

describe('stepsIn', () => {
  const phase = { objective: 'maskedLanguageModel', randomPosition: false } as const
  const kinds = [
    { objective: 'maskedLanguageModel', blockLength: 8, seconds: 1 },
    { objective: 'maskedLanguageModel', blockLength: 16, seconds: 3 },
  ] as const
  const phasesOf = (all: number): PretrainingPhase[] =>
    [
      { ...phase, until: Math.round(all / 2), blockLength: 8 },
      { ...phase, until: all, blockLength: 16 },
    ].filter(({ until }) => until > 0)

  it('is the most that the minutes hold', () =>
    expect(
      fc.assert(
        fc.property(fc.double({ min: 0.1, max: 50, noNaN: true }), (minutes) => {
          const found = stepsIn(minutes, kinds, phasesOf)
          const seconds = (all: number) => Math.round(all / 2) + 3 * (all - Math.round(all / 2))
          expect(seconds(found)).toBeLessThanOrEqual(60 * minutes)
          expect(seconds(found + 1)).toBeGreaterThan(60 * minutes)
        }),
      ),
    ).toBeUndefined())

  it('is at least one', () => {
    expect(stepsIn(0.001, kinds, phasesOf)).toBe(1)
  })
})
