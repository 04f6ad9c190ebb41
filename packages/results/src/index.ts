export { type EvaluationUse, evaluationUse } from './evaluation-use.ts'
export type { JsonValue } from './json-value.ts'
export { type ActionOrigin, type Disagreement, Lab, type Note, type SavedQuery, type Tag } from './lab.ts'
export { type LeaderboardOptions, type LeaderboardRow, leaderboard } from './leaderboard.ts'
export { quoteIdentifier, quoteLiteral } from './leaderboard-query.ts'
export { schemaVersion } from './migrations.ts'
export { ResultsInUseError, ResultsNotWrittenError } from './open-database.ts'
export { type OpenResultsOptions, openResults, type QueryParameter, type Results } from './open-results.ts'
export { type PublishedRow, published, publishedRows } from './published.ts'
export { type QueryFormats, QueryPool, type QueryPoolOptions } from './query-pool.ts'
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
export { serveQueries } from './serve-queries.ts'
export { type Snapshot, type SnapshotOptions, Snapshots } from './snapshots.ts'
export { ingestSpool, type RecordRowsOptions, recordRows, resultsPath, type SpoolReport } from './spool.ts'
