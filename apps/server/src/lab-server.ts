import { mkdir, statfs } from 'node:fs/promises'
import { join } from 'node:path'
import { type Cache, openCache } from '@isthmus/dataflow'
import {
  concatenateRows,
  ingestSpool,
  Lab,
  openResults,
  QueryPool,
  type QueryPoolOptions,
  type ResultRows,
  type Results,
  resultsPath,
  Snapshots,
} from '@isthmus/results'
import { type BlobStorage, directoryStorage } from '@isthmus/storage'
import type { Logger } from 'pino'
import { answerRequests } from './backup.ts'
import { Batches } from './batches.ts'
import { LiveRuns } from './live-runs.ts'
import { Metrics } from './metrics.ts'
import { SharedActions } from './shared-actions.ts'
import { TokenRing } from './tokens.ts'

/** What a server works on. */
export interface LabServerOptions {
  /** The folder `.isthmus` that it owns. */
  readonly home: string
  /** The version of isthmus. */
  readonly version: string
  readonly log: Logger
  readonly queries: QueryPoolOptions
  /** Where blobs are, if not in the cache of the home folder. */
  readonly storage?: BlobStorage
  /** The largest blob that is taken. Default 64 GB. */
  readonly maximumBlobBytes?: number
  /** Requests that one token, or one address, may make in ten seconds. Default 20,000. */
  readonly requestsPerTenSeconds?: number
  /** Whether requests without a token are those of an administrator: on a loopback interface alone. */
  readonly isOpen: boolean
}

const watchMilliseconds = 1000
/** Left free on the disk, for results and records. */
const sparedBytes = 500_000_000

/** A home folder that is served: its results, of which this process is the one writer, its cache, and what is kept of those
 *  who use it.
 */
export class LabServer {
  readonly options: LabServerOptions
  readonly cache: Cache
  readonly storage: BlobStorage
  readonly results: Results
  /** Takes rows that `checkRows` has found good. */
  readonly rows: Batches<ResultRows>
  readonly lab: Lab
  readonly snapshots: Snapshots
  readonly actions: SharedActions
  readonly queries: QueryPool
  readonly tokens: TokenRing
  readonly runs = new LiveRuns()
  readonly metrics: Metrics
  readonly #watch: NodeJS.Timeout
  #looking: Promise<void> | undefined

  private constructor(
    options: LabServerOptions,
    parts: Pick<LabServer, 'cache' | 'storage' | 'results' | 'lab' | 'actions'>,
  ) {
    this.options = options
    this.cache = parts.cache
    this.storage = parts.storage
    this.results = parts.results
    this.rows = new Batches((rows) => parts.results.ingest(concatenateRows(rows)))
    this.lab = parts.lab
    this.actions = parts.actions
    this.snapshots = new Snapshots(parts.results, { folder: join(options.home, 'server', 'snapshots') })
    this.queries = new QueryPool(options.queries)
    this.tokens = new TokenRing(options.home)
    this.metrics = new Metrics({
      queriesWaiting: () => this.queries.waiting,
      records: () => this.actions.size,
      runs: () => this.runs.list().filter(({ state }) => state === 'running').length,
    })
    this.#watch = setInterval(() => this.#lookAround(), watchMilliseconds)
    this.#watch.unref()
  }

  /** Take a home folder over.
   *
   *  @throws {UserError} when another process has its results, or it cannot be written.
   */
  static async open(options: LabServerOptions): Promise<LabServer> {
    await mkdir(join(options.home, 'server'), { recursive: true, mode: 0o700 })
    const cache = await openCache(join(options.home, 'cache'))
    const results = await openResults(resultsPath(options.home))
    const lab = new Lab(results)
    const storage = options.storage ?? directoryStorage(cache)
    const actions = await SharedActions.open(cache, storage, lab)
    return new LabServer(options, { cache, storage, results, lab, actions })
  }

  /** Whether a blob of some size would leave room on the disk. */
  async hasRoom(bytes: number): Promise<boolean> {
    if (this.options.storage !== undefined) return true
    const { bavail, bsize } = await statfs(this.options.home)
    return bavail * bsize - bytes > sparedBytes
  }

  /** Give back what it holds; requests have ended. */
  async close(): Promise<void> {
    clearInterval(this.#watch)
    await this.#looking
    this.queries.close()
    await this.snapshots.close()
    await this.results.close()
    await this.storage.close()
    this.cache.close()
  }

  #lookAround(): void {
    this.#looking ??= this.#answerNeighbours()
      .catch((error) =>
        this.options.log.error({ err: error }, 'what other commands left in the home folder could not be done'),
      )
      .finally(() => {
        this.#looking = undefined
      })
  }

  /** Commands that use the same home folder cannot have the results: runs leave their rows in its spool, and a backup asks
   *  for a copy. What they compute is in the cache.
   */
  async #answerNeighbours(): Promise<void> {
    const { home, log } = this.options
    this.cache.refresh()
    const { ingested, notices } = await ingestSpool(this.results, home)
    for (const notice of notices) log.warn(notice)
    if (ingested > 0) this.runs.announce({ type: 'rows', studies: [] })
    await answerRequests(home, (path) => this.results.copyTo(path))
  }
}
