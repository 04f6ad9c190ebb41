export { type EvaluationUse, evaluationUse } from './evaluation-use.ts'
export type { JsonValue } from './json-value.ts'
export { type LeaderboardOptions, type LeaderboardRow, leaderboard } from './leaderboard.ts'
export { ResultsInUseError } from './open-database.ts'
export { type OpenResultsOptions, openResults, type QueryParameter, type Results } from './open-results.ts'
export { type PublishedRow, published, publishedRows } from './published.ts'
export { type QueryProcessOptions, queryInProcess } from './query-process.ts'
export { type QueryResult, querySandboxed, type SandboxLimits } from './query-sandboxed.ts'
export {
  type AlignmentRow,
  type ArtifactRow,
  type CorrelationRow,
  type CurvePointRow,
  concatenateRows,
  type EstimateRow,
  type FieldKind,
  type ModelRow,
  type ResultRows,
  type ScoreRow,
  type StudyRunRow,
  type TableOfRows,
  type TrainingRow,
  tablesOfRows,
} from './rows.ts'
export { decodeRows, encodeRows } from './rows-json.ts'
export { schemaVersion } from './schema.ts'
export { serveQueries } from './serve-queries.ts'
export { ingestSpool, type RecordRowsOptions, recordRows, resultsPath, type SpoolReport } from './spool.ts'
