import { processPoolExecutor } from '@isthmus/dataflow'
import {
  DirectoryTier,
  dummyWorker,
  executorContract,
  temporaryCache,
  temporaryDirectory,
} from '@isthmus/dataflow/executor-contract'
import { afterAll, beforeAll, onTestFinished } from 'vitest'
import { bullmqExecutor, serveQueue } from '../src/index.ts'
import { RedisServer } from './redis-server.ts'

let redis: RedisServer
let serial = 0

beforeAll(async () => {
  redis = await RedisServer.start()
})
afterAll(() => redis.stop())

executorContract('machines that take jobs from a queue', {
  isolates: true,
  make: async ({ slots, abortSeconds }) => {
    serial += 1
    const address = { queue: redis.url, prefix: `contract-${serial}` }
    const team = await temporaryCache()
    const cache = await temporaryCache(temporaryDirectory(), { tier: new DirectoryTier(team) })
    const worker = await temporaryCache(temporaryDirectory(), { tier: new DirectoryTier(team) })
    const local = processPoolExecutor({
      ...dummyWorker,
      size: slots,
      abortSeconds,
      cacheDirectory: worker.directory,
      otherCaches: worker.others,
    })
    const stop = new AbortController()
    const tier = new DirectoryTier(team)
    const serving = serveQueue({
      ...address,
      tier,
      cache: worker,
      executor: local,
      signal: stop.signal,
      stopSeconds: 0.1,
    })
    const executor = await bullmqExecutor({ ...address, tier, attempts: 2, checkSeconds: 0.5 })
    onTestFinished(async () => {
      await executor.close()
      stop.abort()
      await serving
      await local.close()
    })
    return { cache, executor }
  },
})
