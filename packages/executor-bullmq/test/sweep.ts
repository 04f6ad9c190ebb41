import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { setTimeout as sleep } from 'node:timers/promises'
import { type Digest, inProcessExecutor, type Node, openCache, type RunResult, run } from '@isthmus/dataflow'
import { DirectoryTier } from '@isthmus/dataflow/directory-tier'
import { concatenate, dummyOperations, writeText } from '@isthmus/dataflow/dummy-operations'
import { testProgram as dummyProgram } from '@isthmus/dataflow/test-program'
import { bullmqExecutor } from '../src/index.ts'
import { RedisServer } from './redis-server.ts'
import { testProgram } from './test-program.ts'

/** What a sweep goes through. */
export interface SweepOptions {
  readonly nodes: number
  readonly workers: number
  /** Between the deaths of two workers, at least: one that has begun no job is left to. Each is started again at once. */
  readonly killSeconds: number
  /** When Redis is killed, in seconds from the beginning; it comes back, empty, after a second. */
  readonly redisDies: readonly number[]
}

/** What became of it. */
export interface SweepReport {
  readonly result: RunResult
  readonly seconds: number
  readonly workersKilled: number
  readonly redisKilled: number
  /** Jobs begun by workers: more than there are nodes where work was done again. */
  readonly jobsBegun: number
  /** Jobs that other workers took over from dead ones. */
  readonly takenOver: number
  /** Jobs that the queue had lost with its data. */
  readonly addedAgain: number
  /** Nodes whose digest is not that of the local executor. */
  readonly different: readonly string[]
  /** Records that the workers left. */
  readonly recorded: number
}

/** Texts, texts made of those, and texts made of these again; one in five takes from 0.1 to 1 s. */
export function sweepGraph(count: number): Node<{ length: number }>[] {
  const nodes: Node<{ length: number }>[] = []
  for (let i = 0; i < count; i++) {
    if (i < count / 5) {
      nodes.push(writeText.node({}, { text: `text ${i}\n`, repeat: 1 + (i % 7) }, { label: `text ${i}` }))
      continue
    }
    const milliseconds = i % 5 === 0 ? 100 + ((i * 37) % 900) : 0
    const parts = [nodes[(i * 7) % i]!, nodes[(i * 13 + 1) % Math.ceil(count / 5)]!]
    nodes.push(concatenate.node({ parts }, { separator: `joint ${i}`, milliseconds }, { label: `joint ${i}` }))
  }
  return nodes
}

/** Run a sweep over workers that are killed, and compare what comes out with what this process computes. */
export async function sweep(options: SweepOptions): Promise<SweepReport> {
  const directory = mkdtempSync(join(tmpdir(), 'isthmus-sweep-'))
  const redis = await RedisServer.start()
  const fleet = new Fleet(redis.url, directory)
  try {
    return await sweepOver(fleet, redis, directory, options)
  } finally {
    await fleet.stop()
    await redis.stop()
    rmSync(directory, { recursive: true, force: true })
  }
}

async function sweepOver(
  fleet: Fleet,
  redis: RedisServer,
  directory: string,
  { nodes: count, workers, killSeconds, redisDies }: SweepOptions,
): Promise<SweepReport> {
  const nodes = sweepGraph(count)
  const team = await openCache(fleet.team)
  const tier = new DirectoryTier(team)
  const cache = await openCache(join(directory, 'run'), { tier })
  let addedAgain = 0
  const executor = await bullmqExecutor({
    queue: redis.url,
    prefix: fleet.prefix,
    tier,
    checkSeconds: 1,
    onEvent: ({ type }) => {
      if (type === 'added-again') addedAgain += 1
    },
  })
  for (let i = 0; i < workers; i++) fleet.start(i)
  const ended = new AbortController()
  const start = performance.now()
  const killing = killWorkers(fleet, killSeconds, ended.signal)
  const killingRedis = killRedis(redis, redisDies, ended.signal)
  const result = await run(nodes, { cache, executor })
  const seconds = (performance.now() - start) / 1000
  ended.abort()
  const [workersKilled, redisKilled] = await Promise.all([killing, killingRedis])
  await executor.close()
  team.refresh({ relist: true })
  const expected = await localDigests(nodes, join(directory, 'local'))
  return {
    result,
    seconds,
    workersKilled,
    redisKilled,
    jobsBegun: fleet.count('started'),
    takenOver: fleet.count('recovered'),
    addedAgain,
    different: nodes.flatMap((node, i) => (digestOf(result, node) === expected[i] ? [] : [node.label])),
    recorded: new Set([...team.records()].map(({ key }) => key)).size,
  }
}

function digestOf(result: RunResult, node: Node): Digest | undefined {
  return result.failures.length + result.skipped.length > 0 ? undefined : result.artifact(node).digest
}

async function localDigests(nodes: readonly Node[], directory: string): Promise<Digest[]> {
  const cache = await openCache(directory)
  const result = await run(nodes, { cache, executor: inProcessExecutor(dummyOperations, cache, { slots: 64 }) })
  cache.close()
  return nodes.map((node) => result.artifact(node).digest)
}

async function killWorkers(fleet: Fleet, seconds: number, signal: AbortSignal): Promise<number> {
  let killed = 0
  while (await pause(seconds * 1000, signal)) {
    // On a busy machine a worker that is killed by the clock alone may never get to work.
    while (!fleet.isMature(killed % fleet.size)) if (!(await pause(20, signal))) return killed
    await fleet.kill(killed % fleet.size)
    fleet.start(killed % fleet.size)
    killed += 1
  }
  return killed
}

async function killRedis(redis: RedisServer, times: readonly number[], signal: AbortSignal): Promise<number> {
  let killed = 0
  let now = 0
  for (const time of times) {
    if (!(await pause((time - now) * 1000, signal))) break
    now = time
    killed += 1
    await redis.restart(1000)
  }
  return killed
}

/** @returns False when it was ended before. */
async function pause(milliseconds: number, signal: AbortSignal): Promise<boolean> {
  await sleep(milliseconds, undefined, { signal }).catch(() => undefined)
  return !signal.aborted
}

/** Workers as processes of their own, each with its cache. */
class Fleet {
  readonly prefix = 'sweep'
  readonly team: string
  readonly #queue: string
  readonly #directory: string
  readonly #processes: ChildProcess[] = []
  readonly #counts = new Map<string, number>()
  readonly #working = new Set<ChildProcess>()

  constructor(queue: string, directory: string) {
    this.#queue = queue
    this.#directory = directory
    this.team = join(directory, 'team')
  }

  get size(): number {
    return this.#processes.length
  }

  count(event: string): number {
    return this.#counts.get(event) ?? 0
  }

  /** Whether a worker has begun a job, or has ended. */
  isMature(index: number): boolean {
    const child = this.#processes[index]!
    return this.#working.has(child) || hasEnded(child)
  }

  start(index: number): void {
    const own = join(this.#directory, `worker-${index}`)
    const options = [this.#queue, this.prefix, this.team, own, dummyProgram('worker')]
    const child = spawn(process.execPath, [testProgram('queue-worker'), ...options], {
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    createInterface({ input: child.stdout }).on('line', (line) => {
      const { type } = JSON.parse(line) as { type: string }
      this.#counts.set(type, this.count(type) + 1)
      if (type === 'started') this.#working.add(child)
    })
    this.#processes[index] = child
  }

  async kill(index: number, signal: NodeJS.Signals = 'SIGKILL'): Promise<void> {
    const child = this.#processes[index]!
    if (hasEnded(child)) return
    const exit = once(child, 'exit')
    child.kill(signal)
    await exit
  }

  async stop(): Promise<void> {
    await Promise.all(this.#processes.map((_, index) => this.kill(index)))
  }
}

function hasEnded({ exitCode, signalCode }: ChildProcess): boolean {
  return exitCode !== null || signalCode !== null
}
