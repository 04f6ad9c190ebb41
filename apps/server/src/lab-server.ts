import { mkdir } from 'node:fs/promises'
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
import { type BlobStorage, type DirectTransfer, directoryStorage } from '@isthmus/storage'
import type { Logger } from 'pino'
import { Batches } from './batches.ts'
import { DiskRoom } from './disk-room.ts'
import { LiveRuns } from './live-runs.ts'
import { Metrics } from './metrics.ts'
import { answerRequests, wantedCopies } from './results-copy.ts'
import { SharedActions } from './shared-actions.ts'
import type { Pace } from './steady-content.ts'
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
  /** Whether clients may move blobs past this server where the storage allows it. Default true. */
  readonly directBlobs?: boolean
  /** The largest blob that is taken. Default 64 GB. */
  readonly maximumBlobBytes?: number
  /** Left free on the disk by blobs, for results and records. Default 500 MB. */
  readonly sparedBytes?: number
  /** How long a request of JSON may take to arrive, in milliseconds. Default 60,000. */
  readonly arrivalMs?: number
  /** How fast a blob must come. Default 50 kB in each 30 s. */
  readonly blobPace?: Pace
  /** Requests that one token may make in ten seconds. Default 20,000. */
  readonly requestsPerTenSeconds?: number
  /** Requests that one address without a token may make in that time, which may be guessing. Default 100. */
  readonly strangersPerTenSeconds?: number
  /** Whether requests without a token are those of an administrator: on a loopback interface alone. */
  readonly isOpen: boolean
}

const watchMilliseconds = 1000

/** A home folder that is served: its results, of which this process is the one writer, its cache, and what is kept of those
 *  who use it.
 */
export class LabServer {
  readonly options: LabServerOptions
  readonly cache: Cache
  readonly storage: BlobStorage
  /** How clients move blobs past this server; undefined where they do not. */
  readonly direct: DirectTransfer | undefined
  readonly results: Results
  /** Takes rows that `checkRows` has found good. */
  readonly rows: Batches<ResultRows>
  readonly lab: Lab
  readonly snapshots: Snapshots
  readonly actions: SharedActions
  readonly queries: QueryPool
  readonly tokens: TokenRing
  /** Of the disk of the home folder; undefined where blobs are elsewhere. */
  readonly blobRoom: DiskRoom | undefined
  readonly runs = new LiveRuns()
  readonly metrics: Metrics
  readonly #watch: NodeJS.Timeout
  #looking: Promise<void> | undefined
  /** Of the last time that it looked around. */
  #fault: string | undefined

  private constructor(
    options: LabServerOptions,
    parts: Pick<LabServer, 'cache' | 'storage' | 'direct' | 'results' | 'lab' | 'actions'>,
  ) {
    this.options = options
    this.cache = parts.cache
    this.storage = parts.storage
    this.direct = parts.direct
    this.results = parts.results
    this.rows = new Batches((rows) => parts.results.ingest(concatenateRows(rows)))
    this.blobRoom = options.storage === undefined ? new DiskRoom(options.home, options.sparedBytes) : undefined
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
    const direct = await openDirect(storage, options)
    const actions = await SharedActions.open(cache, storage, lab)
    return new LabServer(options, { cache, storage, direct, results, lab, actions })
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
      .then(
        () => this.#noteFault(undefined),
        (error) => this.#noteFault(error as Error),
      )
      .finally(() => {
        this.#looking = undefined
      })
  }

  /** Say it once, of what is tried every second. */
  #noteFault(error: Error | undefined): void {
    if (error !== undefined && error.message !== this.#fault) {
      this.options.log.error({ err: error }, 'what other commands left in the home folder could not be done')
    }
    this.#fault = error?.message
  }

  /** Commands that use the same home folder cannot have the results: runs leave their rows in its spool, and who reads, or
   *  makes a backup, asks for a copy, which has the rows of a spool that was full before. What they compute is in the cache.
   */
  async #answerNeighbours(): Promise<void> {
    this.cache.refresh()
    const wanted = await wantedCopies(this.options.home)
    if (wanted.length === 0) return this.#takeSpool()
    await answerRequests(wanted, async (task) => {
      await this.#takeSpool()
      await this.snapshots.useNewest(task)
    })
  }

  async #takeSpool(): Promise<void> {
    const { home, log } = this.options
    const { ingested, notices } = await ingestSpool(this.results, home)
    for (const notice of notices) log.warn(notice)
    if (ingested > 0) this.runs.announce({ type: 'rows', studies: [] })
  }
}

/** Find out whether clients can move blobs past the server. */
async function openDirect(
  storage: BlobStorage,
  { directBlobs = true, log }: LabServerOptions,
): Promise<DirectTransfer | undefined> {
  if (!directBlobs || storage.direct === undefined) return undefined
  try {
    return await storage.direct()
  } catch (error) {
    log.warn(`${(error as Error).message}: blobs go through this server`)
    return undefined
  }
}
