import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { openResults, type ResultRows, type Results } from '@isthmus/results'
import { UserError } from '@isthmus/tensor'
import { describe, expect, it } from 'vitest'
import {
  describeStudy,
  figureNamed,
  figures,
  readAttentionCorrelation,
  readBarriers,
  readCurves,
  readDataAmount,
  readLayers,
  readTaskCurves,
  readTrainings,
  studiesWithResults,
  type TensorSource,
} from '../src/index.ts'
import { heads, mixed } from './sample-rows.ts'

const pairs = [
  ['seed-1', 'seed-2'],
  ['seed-1', 'seed-3'],
  ['seed-2', 'seed-3'],
] as const
const settings = { wikitext: 'data/wiki.raw', books: '/my/books/', alignment: { fraction: 0.1 } }

/** A study of three pairs whose barriers are those given, the same for each pair. */
function studyRows(
  study: string,
  barriers: Readonly<Record<string, number>>,
  variants: readonly { readonly variant: string; readonly settings: Record<string, number> }[] = [
    { variant: '', settings: {} },
  ],
): ResultRows {
  const places = variants.flatMap((variant) =>
    pairs.flatMap(([modelA, modelB]) =>
      Object.keys(barriers).map((method) => ({
        ...{ study, run: 'r1', ...variant, pair: `${modelA}|${modelB}`, modelA, modelB, method },
      })),
    ),
  )
  const startedAt = '2026-01-31T12:00:00.000Z'
  return {
    studyRuns: [
      {
        ...{ study, run: 'r1', startedAt, finishedAt: null, settings: [settings], seconds: 1, version: '0.1.0' },
        ...{ nodesRan: 1, nodesCached: 0, nodesFailed: 0 },
      },
    ],
    models: ['seed-1', 'seed-2', 'seed-3'].map((name) => ({
      ...{ digest: name, name, architecture: 'bert', parameters: 1, dtype: 'F32', hiddenSize: 4, layers: 1, heads: 2 },
      vocabulary: 10,
      source: null,
    })),
    curvePoints: places.flatMap((place) =>
      [0, 0.5, 1].map((lam) => {
        const loss = lam === 0.5 ? 4 + barriers[place.method]! : 4
        return { ...place, lam, loss, perplexity: Math.exp(loss), positions: 77, digest: 'd' }
      }),
    ),
    alignments: places.map((place) => ({
      ...place,
      key: `align ${place.pair} ${place.method} ${place.variant}`,
      params: {},
      symmetry: place.method === mixed ? ('broken' as const) : ('kept' as const),
      maxAbsLogitDifference: 1e-5,
      seconds: null,
      tokens: place.method === 'vanilla' ? null : 500,
    })),
    correlations: places
      .filter(({ method }) => method === heads)
      .map(({ pair, method, variant }, index) => ({
        ...{ alignment: `align ${pair} ${method} ${variant}`, site: 'attention', layer: 0 },
        ...{ meanDiagonalBefore: 0, meanDiagonalAfter: 0.1 * (index + 1) },
      })),
    artifacts: places
      .filter(({ method }) => method === heads)
      .flatMap(({ pair, method, variant }) => [
        {
          ...{ digest: `aligned ${pair}`, operation: 'alignment.align', seconds: null },
          key: `align ${pair} ${method} ${variant}`,
          inputs: { model: 'm', correlations: [`ffn of ${pair}`, `attention of ${pair}`] },
        },
        ...['ffn', 'attention'].map((site) => ({
          ...{ digest: `${site} of ${pair}`, operation: 'activations.correlate', seconds: null },
          ...{ key: `correlate ${site} of ${pair}`, inputs: { a: 'x', b: 'y' } },
        })),
      ]),
  }
}

async function withResults(rows: readonly ResultRows[], test: (results: Results) => Promise<void>): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), 'isthmus-figures-'))
  const results = await openResults(join(folder, 'results.duckdb'))
  try {
    for (const bundle of rows) await results.ingest(bundle)
    await test(results)
  } finally {
    await results.close()
    await rm(folder, { recursive: true })
  }
}

const demo = studyRows('demo', { vanilla: 4, ffn: 3, [heads]: 2, [mixed]: 1 })
const family: ResultRows = {
  studyRuns: studyRows('family', {}).studyRuns!,
  trainings: [
    { step: 50, loss: 7, validationLoss: null },
    { step: 100, loss: 6, validationLoss: 6.5 },
  ].map((point) => ({
    ...point,
    ...{ study: 'family', run: 'r1', variant: '', model: 'seed-1', key: 'k', learningRate: 1e-3 },
  })),
}
const swept = studyRows(
  'text',
  { vanilla: 4, ffn: 3 },
  [0.1, 1].map((fraction) => ({
    variant: `alignment.fraction=${fraction}`,
    settings: { 'alignment.fraction': fraction },
  })),
)

describe('rows for figures', () => {
  it('give the loss and the first metric of a task at each λ', () => {
    const rows = studyRows('tasks', { vanilla: 4 })
    const scores = rows.curvePoints!.flatMap(({ loss, perplexity, positions, digest, ...place }) =>
      ['f1', 'accuracy'].map((metric) => ({ ...place, task: 'genre', metric, value: 1 / loss })),
    )
    const studyRuns = rows.studyRuns!.map((run) => ({ ...run, settings: [{ task: 'datasets/tasks/genre' }] }))
    return withResults([{ ...rows, studyRuns, scores }], async (results) => {
      const read = await readTaskCurves(results, 'tasks')
      expect(read.map(({ task, measure, lam, mean }) => [task, measure, lam, mean])).toEqual([
        ['genre', 'loss', 0, 4],
        ['genre', 'loss', 0.5, 8],
        ['genre', 'loss', 1, 4],
        ['genre', 'accuracy', 0, 0.25],
        ['genre', 'accuracy', 0.5, 0.125],
        ['genre', 'accuracy', 1, 0.25],
      ])
      expect((await describeStudy(results, 'tasks')).tasks).toEqual(['genre'])
    })
  })

  it('describe a study by its pairs, models and texts', () =>
    withResults([demo, swept], async (results) => {
      expect(await describeStudy(results, 'demo')).toEqual({
        ...{ study: 'demo', pairs: 3, models: 3, evaluationText: 'wiki.raw', positions: 77, alignmentText: 'books' },
        ...{ tasks: [], fractions: [0.1], methods: ['ffn', heads, mixed, 'vanilla'], broken: [mixed] },
      })
      expect(await studiesWithResults(results)).toEqual(['demo', 'text'])
    }))

  it('are means over pairs, with the differences to vanilla', () =>
    withResults([demo], async (results) => {
      const rows = await readCurves(results, 'demo')
      expect(rows).toHaveLength(4 * 3)
      expect(rows.find(({ method, lam }) => method === 'ffn' && lam === 0.5)).toEqual({
        ...{ variant: '', method: 'ffn', lam: 0.5, mean: 7, low: 7, high: 7 },
        ...{ difference: -1, differenceLow: -1, differenceHigh: -1 },
      })
      expect(await readLayers(results, 'demo')).toMatchObject([{ method: heads, before: 0, low: 0.1 }])
    }))

  it('have the published barrier of the same study and method, and of no other', () =>
    withResults([demo, studyRows('attention-heads', { vanilla: 4, [heads]: 2 })], async (results) => {
      const ours = await readBarriers(results, 'demo')
      expect(ours.map(({ barrier, published }) => [barrier, published])).toEqual([1, 2, 3, 4].map((b) => [b, null]))
      expect(await readBarriers(results, 'attention-heads')).toMatchObject([
        { method: heads, barrier: 2, published: 3.71, publishedStderr: 0.23 },
        { method: 'vanilla', barrier: 4, published: null },
      ])
    }))

  it('are the points of trainings, of a study that compares no models', () =>
    withResults([family, demo], async (results) => {
      expect(await readTrainings(results, 'family')).toEqual([
        { variant: '', model: 'seed-1', step: 50, loss: 7, validationLoss: null },
        { variant: '', model: 'seed-1', step: 100, loss: 6, validationLoss: 6.5 },
      ])
      expect(await studiesWithResults(results)).toEqual(['demo', 'family'])
      await expect(readTrainings(results, 'demo')).rejects.toThrow('Study "demo" trained no models')
      await expect(describeStudy(results, 'family')).rejects.toThrow(
        'Study "family" trained models and compares none, so that it has no loss curves: draw training-curves of it',
      )
    }))

  it('have the fraction of text where a study sweeps it', () =>
    withResults([demo, swept], async (results) => {
      expect(await readDataAmount(results, 'demo')).toEqual([])
      const rows = await readDataAmount(results, 'text')
      expect(rows.map(({ method, fraction, value }) => [method, fraction, value]).sort()).toEqual([
        ['ffn', 0.1, 3],
        ['ffn', 1, 3],
        ['vanilla', 0.1, 4],
        ['vanilla', 1, 4],
      ])
      expect(rows.find(({ method }) => method === 'ffn')?.difference?.value).toBe(-1)
    }))
})

describe('readAttentionCorrelation', () => {
  const matrix = { shape: [4, 4], data: Float32Array.from({ length: 16 }, (_, i) => i / 16) }
  const asked: string[] = []
  const tensors: TensorSource = {
    async read(key, blob, tensor) {
      asked.push(`${key}: ${blob} ${tensor}`)
      if (tensor !== 'attention.0') return undefined
      if (blob === 'permutations') return { shape: [4], data: Int32Array.of(2, 3, 0, 1) }
      return key.startsWith('correlate attention') ? matrix : undefined
    },
  }

  it('finds the matrix and the permutation through the lineage', () =>
    withResults([demo], async (results) => {
      const found = await readAttentionCorrelation({ results, study: 'demo', tensors, pair: ['seed-2', 'seed-3'] })
      expect(found).toMatchObject({ modelA: 'seed-2', modelB: 'seed-3', method: heads, heads: 2, size: 4, tokens: 500 })
      expect(found.matrix).toBe(matrix.data)
      expect(asked).toEqual([
        'correlate attention of seed-2|seed-3: correlations attention.0',
        `align seed-2|seed-3 ${heads} : permutations attention.0`,
      ])
    }))

  it.each([
    [
      { pair: ['seed-3', 'seed-1'] as const },
      `Study "demo" matched no attention features of seed-3,seed-1; its pairs are seed-1,seed-2; seed-1,seed-3; seed-2,seed-3, aligned by ${heads}`,
    ],
    [
      { method: 'ffn' },
      `Study "demo" matched no attention features of ffn; its pairs are seed-1,seed-2; seed-1,seed-3; seed-2,seed-3, aligned by ${heads}`,
    ],
    [{ layer: 3 }, 'Study "demo" has no attention layer 3; its layers are 0'],
    [
      { tensors: { read: async () => undefined } },
      'The correlations of seed-1 and seed-2 in study "demo" are not in the cache any more: isthmus run demo computes them again',
    ],
    [
      { study: 'text' },
      'Study "text" matched no attention features, so there is no correlation of heads to draw: run one that does, isthmus run text --set methods=vanilla,head-perm',
    ],
  ])('says what there is and what to run, %#', (request, sentence) =>
    withResults([demo, swept], async (results) => {
      const reading = readAttentionCorrelation({ results, study: 'demo', tensors, ...request })
      await expect(reading).rejects.toThrow(new UserError(sentence))
    }),
  )
})

describe('figures', () => {
  it('names those that there are', () => {
    expect(() => figureNamed('pie')).toThrow(
      new UserError(
        "there is no figure 'pie'; there are loss-curves, barriers, correlation-by-layer, correlation-heatmap, " +
          'task-curves, data-amount, training-curves',
      ),
    )
    expect(figures.map(({ name }) => figureNamed(name).name)).toEqual(figures.map(({ name }) => name))
  })

  it.each(figures.map(({ name }) => name))('says of %s which study to run where there are no results', (name) =>
    withResults([demo], async (results) => {
      await expect(
        figureNamed(name).draw({ results, study: 'none', tensors: { read: async () => undefined } }),
      ).rejects.toThrow(new UserError('No results of a study "none": run it first, isthmus run none'))
    }),
  )

  it('says of what a study has nothing, and how to get it', () =>
    withResults([studyRows('plain', { vanilla: 4 })], async (results) => {
      await expect(figureNamed('data-amount').draw({ results, study: 'plain' })).rejects.toThrow(
        'Study "plain" has one amount of text, and data-amount is drawn over several: run it with ' +
          "isthmus run plain --set 'alignment.fraction=sweep(0.01,0.1,1)'",
      )
      await expect(figureNamed('correlation-by-layer').draw({ results, study: 'plain' })).rejects.toThrow(
        'Study "plain" matched no features, so there are no correlations to draw: run one with a method such as ffn, ' +
          'isthmus run plain --set methods=vanilla,ffn',
      )
    }))

  it('draws from the database', () =>
    withResults([demo], async (results) => {
      const { svg } = await figureNamed('barriers').draw({ results, study: 'demo' })
      expect(svg).toContain('Loss barriers by alignment method')
      expect(svg).toContain('3 pairs of 3 models')
    }))
})
