import type { Cache, Digest } from '@isthmus/dataflow'
import type { ResultRows } from '@isthmus/results'
import type { Outbox } from './outbox.ts'
import { ServerUnavailableError } from './remote-errors.ts'
import { type ActionStore, type Sent, sendActions } from './send-actions.ts'

/** What a delivery needs of a server. */
export interface Destination extends ActionStore {
  sendRows(rows: ResultRows): Promise<void>
}

/** How a run’s results are delivered. */
export interface DeliveryOptions {
  readonly server: Destination
  readonly outbox: Outbox
  readonly cache: Cache
  /** Names the run: a word that a file may be called. */
  readonly run: string
  /** Between two deliveries. Default 2. */
  readonly intervalSeconds?: number
}

/** What a delivery came to. */
export interface Delivered extends Sent {
  /** Why not all has arrived: the rest waits in the outbox. */
  readonly unavailable: ServerUnavailableError | undefined
}

/** Give a server what a run computes, while it goes on. What cannot be given waits in the outbox for `sendWaiting`. */
export class Delivery {
  readonly #options: DeliveryOptions
  /** Keys that the outbox does not have yet. */
  #added: Digest[] = []
  #pending: Digest[] = []
  #rows: ResultRows | undefined
  #records = 0
  #blobs = 0
  readonly #disagreements: Digest[] = []
  #unavailable: ServerUnavailableError | undefined
  #fault: { readonly error: unknown } | undefined
  readonly #timer: NodeJS.Timeout
  #working: Promise<void> | undefined

  constructor(options: DeliveryOptions) {
    this.#options = options
    this.#timer = setInterval(() => this.#begin(), (options.intervalSeconds ?? 2) * 1000)
    this.#timer.unref()
  }

  /** Deliver a record that is durable in the cache. */
  add(key: Digest): void {
    this.#added.push(key)
  }

  /** Deliver rows: all that the run has so far. */
  addRows(rows: ResultRows): void {
    this.#rows = rows
  }

  /** Deliver what is left, and stop.
   *
   *  @throws {UserError} when the server refuses, and what the file system throws: what was not delivered then waits.
   */
  async close(): Promise<Delivered> {
    clearInterval(this.#timer)
    await this.#working
    if (this.#fault === undefined) {
      this.#begin()
      await this.#working
    }
    if (this.#fault !== undefined) throw (this.#fault as { error: unknown }).error
    const { outbox, run } = this.#options
    if (this.#unavailable === undefined) await outbox.removeKeys(run)
    return {
      records: this.#records,
      blobs: this.#blobs,
      disagreements: this.#disagreements,
      unavailable: this.#unavailable,
    }
  }

  #begin(): void {
    if (this.#working !== undefined || this.#fault !== undefined) return
    this.#working = this.#deliver()
      .catch((error) => {
        if (error instanceof ServerUnavailableError) this.#unavailable = error
        else this.#fault = { error }
      })
      .finally(() => {
        this.#working = undefined
      })
  }

  async #deliver(): Promise<void> {
    const { server, outbox, cache, run } = this.#options
    const rows = this.#rows
    this.#rows = undefined
    try {
      await this.#announce()
      if (rows !== undefined) await outbox.putRows(run, rows)
      const keys = [...this.#pending]
      if (keys.length > 0) this.#count(await sendActions(server, cache, keys))
      this.#pending.splice(0, keys.length)
      if (rows !== undefined) {
        await server.sendRows(rows)
        if (this.#rows === undefined) await outbox.removeRows(run)
      }
      this.#unavailable = undefined
    } catch (error) {
      this.#rows ??= rows
      throw error
    }
  }

  async #announce(): Promise<void> {
    const { outbox, run } = this.#options
    const keys = this.#added
    if (keys.length === 0) return
    this.#added = []
    this.#pending.push(...keys)
    await outbox.addKeys(run, keys)
  }

  #count({ records, blobs, disagreements }: Sent): void {
    this.#records += records
    this.#blobs += blobs
    this.#disagreements.push(...disagreements)
  }
}

/** What sending what waited came to. */
export interface SentWaiting extends Sent {
  /** Files of rows that arrived. */
  readonly bundles: number
  readonly notices: readonly string[]
}

/** Send all that waits in an outbox: nothing is lost when it fails midway, and nothing doubled when it is done again.
 *
 *  @throws {ServerUnavailableError} when the server cannot be reached: what was not sent still waits.
 */
export async function sendWaiting({
  server,
  outbox,
  cache,
}: Pick<DeliveryOptions, 'server' | 'outbox' | 'cache'>): Promise<SentWaiting> {
  const total = { records: 0, blobs: 0, bundles: 0, disagreements: [] as Digest[], notices: [] as string[] }
  for (const waiting of await outbox.take()) {
    if (waiting.fault !== undefined) {
      total.notices.push(waiting.fault)
      continue
    }
    const sent = await sendActions(server, cache, waiting.keys)
    total.records += sent.records
    total.blobs += sent.blobs
    total.disagreements.push(...sent.disagreements)
    if (waiting.rows !== undefined) {
      await server.sendRows(waiting.rows)
      total.bundles += 1
    }
    await waiting.remove()
  }
  return total
}
