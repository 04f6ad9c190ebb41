import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { AlignmentRow, CurvePointRow, ResultRows, StudyRunRow } from '../src/index.ts'

/** Run a test in a folder of its own. */
export async function inTemporaryFolder(test: (folder: string) => Promise<void>): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), 'isthmus-results-'))
  try {
    await test(folder)
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

export function studyRun(fields: Partial<StudyRunRow> = {}): StudyRunRow {
  return {
    study: 'heads',
    run: 'run-1',
    startedAt: '2026-01-31T12:00:00.250Z',
    finishedAt: null,
    settings: { seeds: [1, 2], note: "it's" },
    nodesRan: 10,
    nodesCached: 2,
    nodesFailed: 0,
    seconds: 1.5,
    version: '0.1.0',
    ...fields,
  }
}

export function curvePoint(fields: Partial<CurvePointRow> = {}): CurvePointRow {
  return {
    study: 'heads',
    run: 'run-1',
    variant: '',
    settings: {},
    pair: 'seed-1|seed-2',
    modelA: 'seed-1',
    modelB: 'seed-2',
    method: 'vanilla',
    lam: 0,
    loss: 3.7,
    perplexity: Math.exp(3.7),
    positions: 100,
    digest: 'd0',
    ...fields,
  }
}

export function alignmentRow(fields: Partial<AlignmentRow> = {}): AlignmentRow {
  const { study, run, variant, settings, pair, modelA, modelB, method } = curvePoint()
  return {
    ...{ study, run, variant, settings, pair, modelA, modelB, method },
    key: 'k0',
    params: { residual: 'first' },
    symmetry: 'kept',
    maxAbsLogitDifference: 2e-5,
    seconds: 0.5,
    tokens: 2048,
    ...fields,
  }
}

/** The points of a curve from [λ, loss] pairs. */
export function curve(losses: readonly (readonly [number, number])[], fields: Partial<CurvePointRow> = {}) {
  return losses.map(([lam, loss]) => curvePoint({ lam, loss, perplexity: Math.exp(loss), ...fields }))
}

/** At least one row for every table. */
export const oneOfEach: Required<ResultRows> = {
  studyRuns: [studyRun()],
  models: [
    {
      digest: 'm1',
      name: 'seed-1',
      architecture: 'bert',
      parameters: 1_360_000,
      dtype: 'f32',
      hiddenSize: 128,
      layers: 4,
      heads: 4,
      vocabulary: 4096,
      source: null,
    },
  ],
  alignments: [alignmentRow()],
  correlations: [
    { alignment: 'k0', site: 'ffn', layer: 0, meanDiagonalBefore: 0.006, meanDiagonalAfter: 0.267 },
    { alignment: 'k0', site: 'embeddings', layer: -1, meanDiagonalBefore: Number.NaN, meanDiagonalAfter: 1 / 3 },
  ],
  curvePoints: curve([
    [0, 3.5],
    [0.5, 6],
    [1, 3.75],
  ]),
  estimates: [
    (({ lam, loss, perplexity, positions, digest, ...place }) => ({
      ...place,
      ...{ precision: 0.02, confidence: 0.95, barrier: 2.375, low: 2.37, high: 2.385 },
      ...{ blocks: 432, blocksInAll: 487, tokens: 100_000, tokensInAll: 187_008 },
    }))(curvePoint()),
  ],
  scores: [
    (({ loss, perplexity, positions, digest, ...place }) => ({
      ...place,
      task: 'mnli',
      metric: 'accuracy',
      value: 0.8,
    }))(curvePoint({ lam: 0.5 })),
  ],
  trainings: [
    {
      ...{ study: 'heads', run: 'run-1', variant: '', model: 'seed-1', key: 'k2', step: 50 },
      ...{ loss: 6.5, learningRate: 1e-3, validationLoss: null },
    },
  ],
  artifacts: [{ digest: 'd0', operation: 'evaluation.curve', key: 'k1', inputs: { a: 'm1' }, seconds: null }],
}
