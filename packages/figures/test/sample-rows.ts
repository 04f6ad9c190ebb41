import type {
  AttentionCorrelation,
  BarrierRow,
  CurveRow,
  DataAmountRow,
  LayerRow,
  StudyDescription,
  TaskCurveRow,
} from '../src/index.ts'

export const heads = 'ffn+attention/head-perm'
export const mixed = 'ffn+attention/ignore-heads'

export function description(fields: Partial<StudyDescription> = {}): StudyDescription {
  return {
    study: 'demo',
    pairs: 3,
    models: 3,
    tasks: [],
    evaluationText: 'wiki.valid.raw',
    positions: 1234,
    alignmentText: 'books',
    fractions: [0.1],
    methods: ['ffn', heads, mixed, 'vanilla'],
    broken: [mixed],
    ...fields,
  }
}

/** Curves of three points, their tops 4, 5, … above the ends. */
export function curveRows(methods: readonly string[], variant = ''): CurveRow[] {
  return methods.flatMap((method, index) =>
    [0, 0.5, 1].map((lam): CurveRow => {
      const mean = lam === 0.5 ? 8 + index : 4
      const compared = methods.includes('vanilla')
      const difference = compared ? index - methods.indexOf('vanilla') : null
      return {
        ...{ variant, method, lam, mean, low: mean - 0.5, high: mean + 0.5, difference },
        ...{ differenceLow: difference, differenceHigh: difference },
      }
    }),
  )
}

export function barrierRow(fields: Partial<BarrierRow> = {}): BarrierRow {
  return {
    ...{ variant: '', method: 'ffn', barrier: 4.25, low: 3.5, high: 5, published: null, publishedStderr: null },
    ...fields,
  }
}

export function layerRows(methods: readonly string[], site: string, after: number): LayerRow[] {
  return methods.flatMap((method) =>
    [0, 1, 2].map((layer) => ({
      variant: '',
      method,
      site,
      layer,
      before: 0.01,
      after,
      low: after - 0.1,
      high: after + 0.1,
    })),
  )
}

export function dataAmountRow(fields: Partial<DataAmountRow> = {}): DataAmountRow {
  return { method: 'ffn', fraction: 0.1, value: 4, low: 3, high: 5, difference: null, ...fields }
}

/** Two heads of two features: B's heads are A's exchanged. */
export function attentionCorrelation(fields: Partial<AttentionCorrelation> = {}): AttentionCorrelation {
  return {
    ...{ study: 'demo', modelA: 'seed-1', modelB: 'seed-2', layer: 0, method: heads, heads: 2 },
    ...{ text: 'books (fraction 0.1)', tokens: 37205 },
    matrix: [0, 0, 0.9, 0, 0, 0, 0, 0.8, 0.7, 0, -0.3, 0, 0, 0.6, 0, 0],
    size: 4,
    permutation: [2, 3, 0, 1],
    ...fields,
  }
}

/** The loss and the accuracy of a task by two methods at three λ. */
export function taskCurveRows(task: string, variant = ''): TaskCurveRow[] {
  return ['loss', 'accuracy'].flatMap((measure) =>
    [heads, 'vanilla'].flatMap((method, index) =>
      [0, 0.5, 1].map((lam): TaskCurveRow => {
        const mean = measure === 'loss' ? 0.5 + lam * (1 - lam) * (index + 1) : 0.9 - lam * (1 - lam)
        return { ...{ variant, task, measure, method, lam, mean }, low: mean - 0.02, high: mean + 0.02 }
      }),
    ),
  )
}
