import { type Cache, type Executor, inProcessExecutor, type WritableTier } from '@isthmus/dataflow'
import { DirectoryTier, dummyOperations, temporaryCache, temporaryDirectory } from '@isthmus/dataflow/executor-contract'
import { afterAll, beforeAll, onTestFinished } from 'vitest'
import {
  type BullmqExecutorOptions,
  bullmqExecutor,
  type QueueAddress,
  type QueueRunEvent,
  type ServeQueueOptions,
  serveQueue,
  type WorkerEvent,
} from '../src/index.ts'
import { RedisServer } from './redis-server.ts'

/** A worker in this process. */
export interface LabWorker {
  readonly events: WorkerEvent[]
  readonly cache: Cache
  /** Ask it to stop, and wait until it has. */
  stop(): Promise<void>
}

/** A run's side of the queue. */
export interface LabRun {
  readonly executor: Executor
  readonly cache: Cache
  readonly events: QueueRunEvent[]
}

/** What a team shares: a queue of its own, and a tier. */
export interface Lab {
  readonly address: QueueAddress
  readonly team: Cache
  readonly tier: DirectoryTier
  /** Serve the queue, in this process unless told otherwise. */
  work(options?: Partial<ServeQueueOptions>): Promise<LabWorker>
  join(options?: Partial<BullmqExecutorOptions>): Promise<LabRun>
}

/** Start a Redis for the tests of a file. Called at its top.
 *
 *  @returns What makes a lab; all of it ends with its test.
 */
export function labs(): () => Promise<Lab> {
  let redis: RedisServer
  let serial = 0
  beforeAll(async () => {
    redis = await RedisServer.start()
  })
  afterAll(() => redis.stop())
  return async () => {
    serial += 1
    const team = await temporaryCache()
    return makeLab({ queue: redis.url, prefix: `lab-${serial}` }, team)
  }
}

/** A tier with some of its methods replaced. */
export function overriding(tier: WritableTier, methods: Partial<WritableTier>): WritableTier {
  return {
    name: tier.name,
    lookup: (keys) => tier.lookup(keys),
    fetch: (blob, path) => tier.fetch(blob, path),
    missing: (blobs) => tier.missing(blobs),
    upload: (blob, path) => tier.upload(blob, path),
    publish: (record) => tier.publish(record),
    ...methods,
  }
}

function makeLab(address: QueueAddress, team: Cache): Lab {
  const tier = new DirectoryTier(team)
  return {
    address,
    team,
    tier,
    work: async (options = {}) => {
      const cache = await temporaryCache(temporaryDirectory(), { tier })
      const events: WorkerEvent[] = []
      const end = new AbortController()
      const executor = inProcessExecutor(dummyOperations, cache)
      const onEvent = (event: WorkerEvent) => events.push(event)
      const serving = serveQueue({ ...address, tier, cache, executor, signal: end.signal, onEvent, ...options })
      const stop = async () => {
        end.abort()
        await serving
      }
      onTestFinished(stop)
      return { events, cache, stop }
    },
    join: async (options = {}) => {
      const cache = await temporaryCache(temporaryDirectory(), { tier: options.tier ?? tier })
      const events: QueueRunEvent[] = []
      const onEvent = (event: QueueRunEvent) => events.push(event)
      const executor = await bullmqExecutor({ ...address, tier, checkSeconds: 0.3, onEvent, ...options })
      onTestFinished(() => executor.close())
      return { executor, cache, events }
    },
  }
}
