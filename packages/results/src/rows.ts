import type { JsonValue } from './json-value.ts'

/** The TypeScript value of each kind of field. A trailing `?` in a declaration below adds `null`. */
interface FieldValue {
  text: string
  /** A safe integer; a BIGINT in the database. */
  integer: number
  /** Any double, NaN and infinities included. */
  number: number
  /** ISO 8601 in UTC, as `Date.prototype.toISOString` gives it. */
  timestamp: string
  json: JsonValue
  symmetry: 'kept' | 'broken'
}

/** How a field is declared. */
export type FieldKind = keyof FieldValue | `${keyof FieldValue}?`

type ValueOf<Kind> = Kind extends keyof FieldValue
  ? FieldValue[Kind]
  : Kind extends `${infer Required extends keyof FieldValue}?`
    ? FieldValue[Required] | null
    : never

type RowOf<Fields> = { readonly [Name in keyof Fields]: ValueOf<Fields[Name]> }

const studyRun = {
  study: 'text',
  /** Digest of the study's resolved settings. */
  run: 'text',
  startedAt: 'timestamp',
  /** `null` while the run goes on, or when it was cut off. */
  finishedAt: 'timestamp?',
  settings: 'json',
  nodesRan: 'integer',
  nodesCached: 'integer',
  nodesFailed: 'integer',
  /** Wall time. */
  seconds: 'number?',
  /** The version of isthmus that ran it. */
  version: 'text',
} as const

const model = {
  digest: 'text',
  name: 'text',
  architecture: 'text',
  parameters: 'integer',
  dtype: 'text',
  hiddenSize: 'integer',
  layers: 'integer',
  heads: 'integer',
  vocabulary: 'integer',
  /** Where it was pulled from, `hf:owner/name@commit`, and what a study made of it, `fine-tuned on mrpc`; `null` for a
   *  folder of the user. */
  source: 'text?',
} as const

/** What places a row in a study: every field but the method and λ. */
const pairOfStudy = {
  study: 'text',
  /** The `run` of a `StudyRunRow` of the same bundle. */
  run: 'text',
  /** Names one combination of a study's swept settings; `''` where the study sweeps none. */
  variant: 'text',
  /** The swept settings of the variant, by field name. */
  settings: 'json',
  /** E.g. `seed-1|seed-2`: A, then B. */
  pair: 'text',
  /** The name of A: the curve's λ = 1. The jackknife deletes one such name at a time. */
  modelA: 'text',
  /** The name of B: the curve's λ = 0. */
  modelB: 'text',
  method: 'text',
} as const

const alignment = {
  ...pairOfStudy,
  /** The key of the alignment's node in the dataflow: the same for every study and variant that shares it. */
  key: 'text',
  params: 'json',
  /** `kept` when the method keeps B's function, `broken` when it changes it on purpose. */
  symmetry: 'symmetry',
  /** max |logits(B') − logits(B)| on the probe batch of the equivalence gate. */
  maxAbsLogitDifference: 'number',
  seconds: 'number?',
  /** Tokens whose activations were correlated; `null` for methods that use none. */
  tokens: 'integer?',
} as const

const correlation = {
  /** `AlignmentRow.key`. */
  alignment: 'text',
  site: 'text',
  /** From 0; −1 for a site outside the layers, such as the embeddings. */
  layer: 'integer',
  meanDiagonalBefore: 'number',
  meanDiagonalAfter: 'number',
} as const

const curvePoint = {
  ...pairOfStudy,
  /** λ: 1 is A, 0 is B (B' where the symmetry is broken). */
  lam: 'number',
  /** Mean −ln p over the masked positions. */
  loss: 'number',
  perplexity: 'number',
  /** How many masked positions the loss is a mean over. */
  positions: 'integer',
  /** Digest of the evaluation's artifact. */
  digest: 'text',
} as const

const estimate = {
  ...pairOfStudy,
  /** How narrow the interval was to be, in nats. */
  precision: 'number',
  /** With which the interval holds the barrier on all blocks. */
  confidence: 'number',
  barrier: 'number',
  low: 'number',
  high: 'number',
  /** Blocks, or images, that were drawn. */
  blocks: 'integer',
  blocksInAll: 'integer',
  /** Tokens, or images, that models were evaluated on, summed over λ. */
  tokens: 'integer',
  /** The same if each λ had been evaluated on all. */
  tokensInAll: 'integer',
} as const

const score = {
  ...pairOfStudy,
  lam: 'number',
  /** E.g. `mnli`. */
  task: 'text',
  /** E.g. `accuracy`, `matthews`. */
  metric: 'text',
  value: 'number',
} as const

const training = {
  study: 'text',
  /** The `run` of a `StudyRunRow` of the same bundle. */
  run: 'text',
  /** As of a pair: a combination of swept settings, `''` where the study sweeps none. */
  variant: 'text',
  /** The name of the model that was trained, e.g. `seed-1`. */
  model: 'text',
  /** The key of the training's node in the dataflow. */
  key: 'text',
  /** Updates of the weights made by then. */
  step: 'integer',
  /** Mean of the steps' losses since the point before. */
  loss: 'number',
  /** Of the last of these steps. */
  learningRate: 'number',
  /** On data that is not trained on; `null` where it was not taken. */
  validationLoss: 'number?',
} as const

const artifact = {
  digest: 'text',
  operation: 'text',
  /** The node's key; the same content may come from several keys. */
  key: 'text',
  /** Digests of the inputs, by name. */
  inputs: 'json',
  seconds: 'number?',
} as const

/** One run of a study. A study's views show the run that started last. */
export type StudyRunRow = RowOf<typeof studyRun>
/** A checkpoint. */
export type ModelRow = RowOf<typeof model>
/** An alignment of B to A, with what the equivalence gate measured. */
export type AlignmentRow = RowOf<typeof alignment>
/** Feature correlation at one site before (identity) and after an alignment. */
export type CorrelationRow = RowOf<typeof correlation>
/** The loss at one λ between A and aligned B. */
export type CurvePointRow = RowOf<typeof curvePoint>
/** A barrier that was taken to a precision, on some of the blocks. */
export type EstimateRow = RowOf<typeof estimate>
/** A task's metric at one λ. */
export type ScoreRow = RowOf<typeof score>
/** A point of the curve of a model's training. */
export type TrainingRow = RowOf<typeof training>
/** Where an artifact came from: the lineage. */
export type ArtifactRow = RowOf<typeof artifact>

/** Rows for any of the tables. A bundle with alignments, curve points, estimates, scores or trainings names their
 *  runs in `studyRuns`. */
export interface ResultRows {
  readonly studyRuns?: readonly StudyRunRow[]
  readonly models?: readonly ModelRow[]
  readonly alignments?: readonly AlignmentRow[]
  readonly correlations?: readonly CorrelationRow[]
  readonly curvePoints?: readonly CurvePointRow[]
  readonly estimates?: readonly EstimateRow[]
  readonly scores?: readonly ScoreRow[]
  readonly trainings?: readonly TrainingRow[]
  readonly artifacts?: readonly ArtifactRow[]
}

/** How the rows of one list of a bundle are stored. */
export interface TableOfRows {
  readonly list: keyof ResultRows
  readonly table: string
  /** The primary key, as field names: of two rows with one key the later stays. */
  readonly key: readonly string[]
  readonly fields: Readonly<Record<string, FieldKind>>
}

const curveKey = ['study', 'run', 'variant', 'pair', 'method'] as const

/** The tables that rows go to, in the order in which they are written. */
export const tablesOfRows: readonly TableOfRows[] = [
  { list: 'studyRuns', table: 'study_run', key: ['study', 'run', 'startedAt'], fields: studyRun },
  { list: 'models', table: 'model', key: ['digest'], fields: model },
  { list: 'alignments', table: 'alignment', key: curveKey, fields: alignment },
  { list: 'correlations', table: 'correlation', key: ['alignment', 'site', 'layer'], fields: correlation },
  { list: 'curvePoints', table: 'curve_point', key: [...curveKey, 'lam'], fields: curvePoint },
  { list: 'estimates', table: 'estimate', key: curveKey, fields: estimate },
  { list: 'scores', table: 'score', key: [...curveKey, 'lam', 'task', 'metric'], fields: score },
  { list: 'trainings', table: 'training', key: ['study', 'run', 'variant', 'key', 'step'], fields: training },
  { list: 'artifacts', table: 'artifact', key: ['key'], fields: artifact },
]

/** The column of a field: `maxAbsLogitDifference` is `max_abs_logit_difference`. */
export function columnName(field: string): string {
  return field.replace(/[A-Z]/g, (capital) => `_${capital.toLowerCase()}`)
}

/** Concatenate bundles; of two rows with one key the later wins when they are ingested. */
export function concatenateRows(bundles: readonly ResultRows[]): ResultRows {
  return Object.fromEntries(
    tablesOfRows.map(({ list }) => [list, bundles.flatMap((bundle): readonly unknown[] => bundle[list] ?? [])]),
  )
}

/** Check every field of a bundle, and that its runs are described in it.
 *
 *  @throws {TypeError} naming the list, the row and the field, with what was expected and found.
 */
export function checkRows(rows: ResultRows): void {
  for (const list of Object.keys(rows)) {
    if (!tablesOfRows.some((table) => table.list === list)) throw new TypeError(`Result rows have no list "${list}"`)
  }
  for (const { list, fields } of tablesOfRows) {
    for (const [index, row] of (rows[list] ?? []).entries()) checkRow(`${list}[${index}]`, row, fields)
  }
  const runs = new Set((rows.studyRuns ?? []).map(({ study, run }) => JSON.stringify([study, run])))
  for (const list of ['alignments', 'curvePoints', 'estimates', 'scores', 'trainings'] as const) {
    for (const [index, { study, run }] of (rows[list] ?? []).entries()) {
      if (!runs.has(JSON.stringify([study, run]))) {
        throw new TypeError(`${list}[${index}] belongs to run "${run}" of study "${study}", which studyRuns lacks`)
      }
    }
  }
}

function checkRow(where: string, row: object, fields: TableOfRows['fields']): void {
  const values = row as Readonly<Record<string, unknown>>
  for (const field of Object.keys(row)) {
    if (!Object.hasOwn(fields, field)) throw new TypeError(`${where} has an unknown field "${field}"`)
  }
  for (const [field, kind] of Object.entries(fields)) {
    const value = values[field]
    if (kind.endsWith('?') ? value !== null && !isOfKind(value, kind.slice(0, -1)) : !isOfKind(value, kind)) {
      throw new TypeError(`${where}.${field} is ${JSON.stringify(value)}, expected ${kind}`)
    }
  }
}

function isOfKind(value: unknown, kind: string): boolean {
  switch (kind) {
    case 'integer':
      return Number.isSafeInteger(value)
    case 'number':
      return typeof value === 'number'
    case 'timestamp':
      return typeof value === 'string' && /^\d{4}-\d\d-\d\dT.*Z$/.test(value) && !Number.isNaN(Date.parse(value))
    case 'json':
      return value !== undefined
    case 'symmetry':
      return value === 'kept' || value === 'broken'
    default:
      return typeof value === 'string'
  }
}
