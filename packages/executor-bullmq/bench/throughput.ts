/** Prints what the queue costs beside the work: jobs that do nothing through one worker, with a tier in memory; and what
 *  a job takes in Redis while it waits. Starts its own Redis. argv[2] is the number of jobs, 5000 by default.
 */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import {
  type ActionRecord,
  type Digest,
  defineOperation,
  type Executor,
  openCache,
  run,
  type WritableTier,
} from '@isthmus/dataflow'
import { Redis } from 'ioredis'
import { z } from 'zod'
import { bullmqExecutor, countJobs, serveQueue } from '../src/index.ts'
import { RedisServer } from '../test/redis-server.ts'

const jobs = Number(process.argv[2] ?? 5000)
const nothing = defineOperation({
  id: 'bench.nothing',
  version: 1,
  inputs: {},
  params: z.object({ index: z.number() }),
  value: z.number(),
  run: async (_context, _inputs, { index }) => index,
})
const idle: Executor = {
  slots: 64,
  execute: async ({ params }) => ({ value: (params as { index: number }).index, blobs: {}, seconds: 0 }),
  close: async () => undefined,
}

const directory = mkdtempSync(join(tmpdir(), 'isthmus-throughput-'))
const server = await RedisServer.start()
const redis = new Redis(server.url)
const tier = memoryTier()
const cache = await openCache(join(directory, 'run'), { tier })
const executor = await bullmqExecutor({ queue: server.url, tier, slots: jobs })
const emptyBytes = await memoryOf(redis)
const running = run(
  Array.from({ length: jobs }, (_, index) => nothing.node({}, { index })),
  { cache, executor },
)
const given = performance.now()
while ((await countJobs({ queue: server.url })).cpu.waiting < jobs);
const givenSeconds = (performance.now() - given) / 1000
const bytes = ((await memoryOf(redis)) - emptyBytes) / jobs
const before = await processorSeconds(redis)
const stop = new AbortController()
const start = performance.now()
const worker = await openCache(join(directory, 'worker'), { tier })
const serving = serveQueue({ queue: server.url, tier, cache: worker, executor: idle, signal: stop.signal })
await running
const seconds = (performance.now() - start) / 1000
const spent = ((await processorSeconds(redis)) - before) / jobs
stop.abort()
await serving
await executor.close()
redis.disconnect()
await server.stop()
rmSync(directory, { recursive: true, force: true })
console.log(
  JSON.stringify({
    jobs,
    givenPerSecond: Math.round(jobs / givenSeconds),
    donePerSecond: Math.round(jobs / seconds),
    redisMicrosecondsPerJob: Math.round(spent * 1e6),
    redisBytesPerWaitingJob: Math.round(bytes),
  }),
)

function memoryTier(): WritableTier {
  const records = new Map<Digest, ActionRecord>()
  return {
    name: 'memory',
    lookup: async (keys) => new Map(keys.flatMap((key) => (records.has(key) ? [[key, records.get(key)!]] : []))),
    fetch: () => Promise.reject(new Error('there are no blobs')),
    missing: async () => [],
    upload: async () => undefined,
    publish: async (record) => {
      records.set(record.key, record)
      return true
    },
  }
}

async function memoryOf(client: Redis): Promise<number> {
  return Number(/used_memory:(\d+)/.exec(await client.info('memory'))![1])
}

async function processorSeconds(client: Redis): Promise<number> {
  const text = await client.info('cpu')
  return Number(/used_cpu_sys:([\d.]+)/.exec(text)![1]) + Number(/used_cpu_user:([\d.]+)/.exec(text)![1])
}
