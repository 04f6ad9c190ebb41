export { type EvaluationUse, evaluationUse } from './evaluation-use.ts'
export type { JsonValue } from './json-value.ts'
export { type LeaderboardOptions, type LeaderboardRow, leaderboard } from './leaderboard.ts'
export { ResultsInUseError } from './open-database.ts'
export { type OpenResultsOptions, openResults, type QueryParameter, type Results } from './open-results.ts'
export { type PublishedRow, published, publishedRows } from './published.ts'
export { type QueryProcessOptions, queryInProcess } from './query-process.ts'
export { type QueryResult, querySandboxed, type SandboxLimits } from './query-sandboxed.ts'
export type {
  AlignmentRow,
  ArtifactRow,
  CorrelationRow,
  CurvePointRow,
  EstimateRow,
  ModelRow,
  ResultRows,
  ScoreRow,
  StudyRunRow,
  TrainingRow,
} from './rows.ts'
export { schemaVersion } from './schema.ts'
export { serveQueries } from './serve-queries.ts'
export { ingestSpool, type RecordRowsOptions, recordRows, resultsPath, type SpoolReport } from './spool.ts'
