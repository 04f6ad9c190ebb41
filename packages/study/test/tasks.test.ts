import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Checkpoint } from '@isthmus/checkpoint'
import { readTaskTable, writeTaskTable } from '@isthmus/corpus'
import { type Cache, inProcessExecutor, type Node, nodesOf, openCache, openSource, run } from '@isthmus/dataflow'
import type { ScoreRow } from '@isthmus/results'
import { UserError } from '@isthmus/tensor'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import {
  computeNow,
  engineIdentity,
  expandStudy,
  type PlacedStudy,
  planStudy,
  runStudies,
  type StudiesRun,
  type StudyPlan,
  studyOperations,
} from '../src/index.ts'
import { capture } from '../src/operations/capture.ts'
import { type ArchitectureName, saveTinyFamily, saveTinyTask } from './tiny-models.ts'

let folder: string
let cache: Cache

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'isthmus-tasks-'))
  cache = await openCache(join(folder, 'cache'))
  for (const name of ['bert', 'roberta', 'distilbert', 'gpt2'] as const) await saveTinyFamily(folder, name)
  await saveTinyTask(folder, 'early', 'classes')
  await saveTinyTask(folder, 'shared', 'scores')
})

afterAll(() => {
  cache.close()
  rmSync(folder, { recursive: true })
})

const fineTuning = {
  learningRate: 0.03,
  epochs: 3,
  batchSize: 8,
  warmup: 0.1,
  executionProvider: 'javascript',
}

function taskStudy(family: string, task: unknown, settings: object = {}): PlacedStudy {
  const definition = {
    name: 'tasks',
    title: 'Tiny tasks',
    family,
    task,
    seeds: [1, 2],
    methods: ['vanilla', 'ffn+attention/head-perm+residual/first'],
    lambdas: 3,
    alignment: { fraction: 0.5 },
    fineTuning,
    ...settings,
  }
  return { study: expandStudy(definition as never, 'study.ts'), resolvePath: (path) => join(folder, path) }
}

function runTasks(study: PlacedStudy, own = cache): Promise<StudiesRun> {
  return runStudies([study], { cache: own, executor: inProcessExecutor(studyOperations, own), version: 'test' })
}

function planTasks({ study, resolvePath }: PlacedStudy): Promise<StudyPlan> {
  const compute = computeNow({ cache, executor: inProcessExecutor(studyOperations, cache) })
  return planStudy(study, { cache, resolvePath, compute })
}

describe('a study of a task', () => {
  it.each(['bert', 'roberta', 'distilbert'] as const)(
    'fine-tunes, merges and scores a family of %s',
    async (family) => {
      const { rows, result } = await runTasks(taskStudy(family, 'early'))
      expect(result.failures.map(({ error }) => error.message)).toEqual([])
      expect(rows.curvePoints).toHaveLength(2 * 3)
      expect(rows.models!.map(({ name, source }) => `${name} ${source}`)).toEqual([
        'seed-1 fine-tuned on early',
        'seed-2 fine-tuned on early',
      ])
      const placed = (row: ScoreRow) => `${row.method.slice(0, 7)} ${row.lam} ${row.task} ${row.metric}`
      expect(rows.scores!.map(placed)).toEqual(
        ['vanilla', 'ffn+att'].flatMap((method) =>
          [0, 0.5, 1].flatMap((lam) => ['accuracy', 'f1'].map((metric) => `${method} ${lam} early ${metric}`)),
        ),
      )
      for (const { value } of rows.scores!) expect(value >= 0 && value <= 1).toBe(true)
      // The method keeps the function of a classifier too.
      for (const { maxAbsLogitDifference } of rows.alignments!) expect(maxAbsLogitDifference).toBeLessThan(1e-3)
      const trained = new Set(rows.trainings!.map(({ model }) => model))
      expect(trained).toEqual(new Set(['seed-1', 'seed-2']))
    },
  )

  it('makes Hugging Face checkpoints of classifiers, the scores of which are those of a task that is opened as it is', async () => {
    const { plans, result, rows } = await runTasks(taskStudy('bert', 'early'))
    const node = plans[0]!.models[0]!.checkpoint as Node
    const artifact = result.artifact(node)
    const paths = await Promise.all(
      ['config.json', 'model.safetensors'].map(async (name) => [name, await artifact.path(name)]),
    )
    await using checkpoint = await Checkpoint.open(Object.fromEntries(paths))
    expect(checkpoint.config).toMatchObject({
      architectures: ['BertForSequenceClassification'],
      id2label: { 0: 'early', 1: 'late' },
      problem_type: 'single_label_classification',
      hidden_size: 8,
    })
    expect(rows.models![0]!.digest).toBe(artifact.digest)
    const again = { ...taskStudy('bert', 'early') }
    expect((await runTasks(again)).rows.studyRuns![0]).toMatchObject({ nodesRan: 0 })
  })

  it('regresses scores, and measures their correlation', async () => {
    const { rows } = await runTasks(taskStudy('bert', 'shared', { methods: ['vanilla'] }))
    expect(new Set(rows.scores!.map(({ metric }) => metric))).toEqual(new Set(['pearson', 'spearman']))
    expect(rows.curvePoints).toHaveLength(3)
    const losses = rows.trainings!.filter(({ model }) => model === 'seed-2').map(({ loss }) => loss)
    expect(Math.min(...losses.slice(-2))).toBeLessThan(0.8 * losses[0]!)
  })

  it('may sweep tasks, and plans each model on each', async () => {
    const { models, curves } = await planTasks(taskStudy('bert', { sweep: ['early', 'shared'] }))
    expect(models.map(({ name, source }) => `${name} ${source}`)).toEqual([
      'seed-1 fine-tuned on early',
      'seed-2 fine-tuned on early',
      'seed-1 fine-tuned on shared',
      'seed-2 fine-tuned on shared',
    ])
    expect(curves.map(({ task }) => task)).toEqual(['early', 'early', 'shared', 'shared'])
  })

  it('starts all models with one head, in one order of the texts or in an order of their own', async () => {
    const recipes = async (order: string) => {
      const { models } = await planTasks(taskStudy('bert', 'early', { fineTuning: { ...fineTuning, order } }))
      return models.map(
        ({ checkpoint }) => (checkpoint as Node).params as { headSeed: number; recipe: { seed: number } },
      )
    }
    const [shared, own] = [await recipes('shared'), await recipes('own')]
    expect([...shared, ...own].map(({ headSeed }) => headSeed)).toEqual([0, 0, 0, 0])
    expect(shared.map(({ recipe }) => recipe.seed)).toEqual([0, 0])
    expect(own.map(({ recipe }) => recipe.seed)).toEqual([2, 3])
  })

  it('fine-tunes in as many epochs as the paper', async () => {
    const epochsOf = async (task: string) => {
      await saveTinyTask(folder, task, 'classes')
      const { models } = await planTasks(taskStudy('bert', task, { fineTuning: { executionProvider: 'javascript' } }))
      return ((models[0]!.checkpoint as Node).params as { epochs: number }).epochs
    }
    expect([await epochsOf('mrpc'), await epochsOf('other')]).toEqual([5, 3])
  })

  it('takes models that classify already as they are', async () => {
    const family = await saveTinyFamily(join(folder, 'classifiers'), 'bert', {
      architectures: ['BertForSequenceClassification'],
    })
    const { models, targets } = await planTasks(taskStudy(family.slice(folder.length), 'early'))
    expect(models.map(({ checkpoint }) => checkpoint.kind)).toEqual(['source', 'source'])
    expect(nodesOf(targets).map(({ operation }) => operation.id)).not.toContain('training.fine-tune')
    await saveTinyTask(folder, 'three', 'scores')
    await expect(planTasks(taskStudy(family.slice(folder.length), 'three'))).rejects.toThrow(
      new UserError(
        'seed-1 has 2 labels, but the task three has 1: choose models that were fine-tuned on it, or that have no ' +
          'classifier yet',
      ),
    )
    await expect(planTasks(taskStudy(family.slice(folder.length), null))).rejects.toThrow(
      new UserError(
        'seed-1 classifies texts, and there are no labelled texts to take its loss on; set task to the folder of its ' +
          'task, or choose models with a language model head',
      ),
    )
  })

  it.each<[string, ArchitectureName, object, string]>([
    ['a model without a classifier', 'gpt2', {}, 'seed-1 has model_type gpt2, and only bert, roberta, distilbert'],
    [
      'lines without special tokens',
      'bert',
      { alignment: { specialTokens: false } },
      'alignment.specialTokens is false, but a classifier reads [CLS]: leave it at true for the task early',
    ],
  ])('refuses %s', async (_, family, settings, sentence) => {
    await expect(planTasks(taskStudy(family, 'early', settings))).rejects.toThrow(sentence)
  })
})

describe('training.fine-tune', () => {
  it('comes to the same checkpoint when it was killed and goes on', async () => {
    const { models } = await planTasks(taskStudy('bert', 'early', { fineTuning: { ...fineTuning, epochs: 5 } }))
    const node = models[0]!.checkpoint as Node
    const digestOf = async (own: Cache) => {
      const { artifact } = await run([node], { cache: own, executor: inProcessExecutor(studyOperations, own) })
      return artifact(node).digest
    }
    const [whole, resumed] = [await openCache(join(folder, 'whole')), await openCache(join(folder, 'resumed'))]
    const stop = new AbortController()
    const steps: number[] = []
    const interrupted = await run([node], {
      cache: resumed,
      executor: inProcessExecutor(studyOperations, resumed),
      signal: stop.signal,
      onEvent(event) {
        if (event.type !== 'progress' || event.node.identity !== node.identity) return
        steps.push(event.done)
        if (event.done >= 4) stop.abort()
      },
    })
    expect(interrupted.interrupted).toBe(true)
    expect(steps.at(-1)).toBeLessThan(10)
    steps.length = 0
    expect(await digestOf(resumed)).toBe(await digestOf(whole))
    whole.close()
    resumed.close()
  })
})

describe('features of a task', () => {
  it('are read with token types, one row a token', async () => {
    const { curves, models } = await planTasks(taskStudy('bert', 'early', { alignment: { fraction: 1 } }))
    const sample = nodesOf([curves[1]!.alignment]).find(({ operation }) => operation.id === 'corpus.encode-task')!
    const executor = inProcessExecutor(studyOperations, cache)
    const { artifact } = await run([sample], { cache, executor })
    const table = await readTaskTable(await artifact(sample).path('task'))
    const blind = join(folder, 'blind.arrow')
    await writeTaskTable(blind, {
      ...table,
      texts: table.texts.map(({ ids }) => ({ ids, firstTypeLength: ids.length })),
    })
    const value = artifact(sample).value as { task: string; texts: number; tokens: number; leftOut: number }
    const engine = engineIdentity({ name: 'onnx', executionProvider: 'cpu' })
    const features = async (tokens: typeof sample) => {
      const node = capture.node(
        { model: models[0]!.checkpoint, tokens: tokens as never },
        { taps: ['residual.embeddings'], type: 'float32', engine },
      )
      const captured = (await run([node], { cache, executor })).artifact(node)
      return { rows: captured.value.rows, bytes: readFileSync(await captured.path('features')) }
    }
    const [typed, untyped] = [
      await features(sample),
      await features((await openSource(cache, { task: blind }, value)) as unknown as Node),
    ]
    expect(typed.rows).toBe(table.texts.reduce((sum, { ids }) => sum + ids.length, 0))
    expect(untyped.rows).toBe(typed.rows)
    expect(typed.bytes.equals(untyped.bytes)).toBe(false)
  })
})
