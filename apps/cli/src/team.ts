import { randomUUID } from 'node:crypto'
import type { Cache, CacheTier, RunEvent, RunResult, WritableTier } from '@isthmus/dataflow'
import { Delivery, Outbox, offlineTier, type Progress, ServerClient, ServerUnavailableError } from '@isthmus/remote'
import { type ResultRows, schemaVersion } from '@isthmus/results'
import { UserError } from '@isthmus/tensor'
import packageJson from '../package.json' with { type: 'json' }
import { isthmusHome } from './home.ts'

/** The options of commands that speak with a team’s server. */
export interface TeamOptions {
  /** Its address. Default: `ISTHMUS_REMOTE`, if that is set. */
  readonly remote?: string
  /** Whose results are taken: names of tokens, or `own`, separated by commas. Default: anybody’s. */
  readonly trust?: string
}

/** How far a run is. */
export type RunState = Omit<Progress, 'study' | 'startedAt' | 'state'>

const progressMilliseconds = 2000

/** The server that the options name; undefined where none is.
 *
 *  @throws {UserError} when its address is none.
 */
export function serverOf({ remote = process.env.ISTHMUS_REMOTE }: TeamOptions, trust?: readonly string[]) {
  if (remote === undefined || remote === '') return undefined
  const token = process.env.ISTHMUS_TOKEN
  return new ServerClient({
    url: remote,
    isthmus: packageJson.version,
    onNotice: (message) => process.stderr.write(`${message}\n`),
    ...(token ? { token } : {}),
    ...(trust === undefined ? {} : { trust }),
  })
}

/** Speak with the server that the options name; undefined where none is.
 *
 *  @throws {UserError} when it does not know the token, or `trust` is given without a server.
 */
export async function joinTeam(options: TeamOptions): Promise<Team | undefined> {
  const server = serverOf(options)
  if (server === undefined) {
    if (options.trust === undefined) return undefined
    throw new UserError('--trust says whose results of a server are taken: name the server by --remote')
  }
  // Where the server is away, nobody is called `own`.
  const trusted = (name: string) => options.trust?.split(',').map((one) => (one === 'own' ? name : one.trim()))
  try {
    const { name, role, isthmus, schemaVersion: served } = await server.whoami()
    if (served < schemaVersion) {
      throw new UserError(
        `${server.name} is isthmus ${isthmus}, whose results have schema version ${served}, and this is ` +
          `${packageJson.version} with ${schemaVersion}: bring the server up to date, or use its version here`,
      )
    }
    if (role === 'read')
      process.stderr.write(`'${name}' may only read ${server.name}: it is given nothing of this run\n`)
    return new Team(serverOf(options, trusted(name))!, { mayGive: role !== 'read' })
  } catch (error) {
    if (!(error instanceof ServerUnavailableError)) throw error
    process.stderr.write(`${error.message}; computing with what is here, and keeping the results to be sent\n`)
    return new Team(serverOf(options, trusted('own'))!, { isAway: true })
  }
}

/** A run’s part in a team: what colleagues have computed is taken, and what it computes is given to them. */
export class Team {
  readonly server: WritableTier
  /** For the cache of the run. */
  readonly tier: CacheTier
  readonly #client: ServerClient
  readonly #run = randomUUID()
  readonly #taken = new Set<string>()
  readonly #mayGive: boolean
  #delivery: Delivery | undefined
  #progress: { readonly timer: NodeJS.Timeout; readonly send: (state: Progress['state']) => Promise<void> } | undefined

  constructor(
    client: ServerClient,
    { isAway = false, mayGive = true }: { readonly isAway?: boolean; readonly mayGive?: boolean } = {},
  ) {
    this.#client = client
    this.#mayGive = mayGive
    this.server = client
    let isSaid = isAway
    const tier = offlineTier(client, ({ message }) => {
      if (!isSaid) process.stderr.write(`${message}; going on without it, and keeping the results to be sent\n`)
      isSaid = true
    })
    this.tier = {
      ...tier,
      lookup: async (keys) => {
        const found = await tier.lookup(keys)
        for (const key of found.keys()) this.#taken.add(key)
        return found
      },
    }
  }

  /** Deliver what a run computes on a cache, and say how far it is.
   *
   *  @param state Asked for every few seconds.
   */
  begin(cache: Cache, study: string, state: () => RunState): void {
    if (!this.#mayGive) return
    const outbox = new Outbox(isthmusHome().directory, this.#client.name)
    this.#delivery = new Delivery({ server: this.#client, outbox, cache, run: this.#run })
    const startedAt = new Date().toISOString()
    const send = (now: Progress['state']) =>
      // Only for those who look on: a report that does not arrive is not missed.
      this.#client.sendProgress(this.#run, { study, startedAt, state: now, ...state() }).catch(() => undefined)
    const timer = setInterval(() => send('running'), progressMilliseconds)
    timer.unref()
    this.#progress = { timer, send }
  }

  readonly onEvent = (event: RunEvent): void => {
    if (event.type === 'finished') this.#delivery?.add(event.key)
  }

  /** Deliver rows: all that the run has so far. */
  addRows(rows: ResultRows): void {
    this.#delivery?.addRows(rows)
  }

  /** Deliver what is left, and say what became of it. */
  async finish({ counts, interrupted }: RunResult): Promise<void> {
    clearInterval(this.#progress?.timer)
    await this.#progress?.send(interrupted ? 'interrupted' : counts.failed > 0 ? 'failed' : 'finished')
    const { name } = this.#client
    const delivered = await this.#delivery?.close()
    if (delivered === undefined) {
      process.stderr.write(`${name}: ${this.#taken.size} results taken\n`)
      return
    }
    const { records, disagreements, unavailable } = delivered
    process.stderr.write(`${name}: ${this.#taken.size} results taken, ${records} given\n`)
    for (const key of disagreements.slice(0, 5)) {
      process.stderr.write(`${name} has another result than this run for ${key}, which it keeps and has written down\n`)
    }
    if (unavailable !== undefined) {
      process.stderr.write(`${unavailable.message}; what it lacks waits: isthmus sync --remote ${name} sends it\n`)
    }
  }
}
