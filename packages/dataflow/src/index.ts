export type { ActionRecord, DamagedPack } from './action-log.ts'
export { type Artifact, artifactDigest, type InputArtifact, type LocatedArtifact, type SourceFile } from './artifact.ts'
export { type Cache, type CacheOptions, openCache } from './cache.ts'
export { type CacheStats, cacheStats, type OperationStats } from './cache-stats.ts'
export type { CacheTier, WritableTier } from './cache-tier.ts'
export { collectGarbage, type GarbageOptions, type GarbageReport } from './collect-garbage.ts'
export { canonicalDigest, canonicalJson, type Digest, digest, type Json } from './digest.ts'
export {
  CacheWriteError,
  CorruptBlobError,
  deserializeError,
  type SerializedError,
  serializeError,
  WorkerLostError,
} from './errors.ts'
export { type CostEstimate, estimateCost, expectedSeconds } from './estimate-cost.ts'
export { describeExplanation, type Explanation, explain, type KeyChange, type Reason } from './explain.ts'
export { inProcessExecutor } from './in-process-executor.ts'
export { actionRecord, cachedBlobs, type Executor, type Job, type JobHooks, type JobResult } from './job.ts'
export { type JobPlace, type JobRunner, jobRunner } from './job-runner.ts'
export type { LeaseHolder, LeaseTiming } from './leases.ts'
export { listBlobs, type StoredBlob } from './list-blobs.ts'
export {
  flatInputs,
  type InputDigests,
  mapInputs,
  type Node,
  type NodeInput,
  nodeKey,
  type Source,
} from './node.ts'
export {
  type AnyOperation,
  type Cost,
  defineOperation,
  type InputArtifacts,
  type InputSpecs,
  type ManyInput,
  many,
  type NodeInputs,
  type NodeOptions,
  type OneInput,
  type Operation,
  type OperationContext,
  type OperationDefinition,
  one,
} from './operation.ts'
export { type GraphPlan, nodesOf, type PlannedNode, planGraph } from './plan-graph.ts'
export { type ProcessPoolOptions, processPoolExecutor } from './process-pool-executor.ts'
export { type RunOptions, run } from './run.ts'
export type { NodeFailure, RunCounts, RunEvent, RunResult, SkippedNode } from './run-event.ts'
export type { RunUse } from './run-uses.ts'
export { serveOperations } from './serve-operations.ts'
export { openSource } from './source.ts'
export { type BlobFault, type CacheReport, type Nondeterminism, verifyCache } from './verify-cache.ts'
