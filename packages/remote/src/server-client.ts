import { stat } from 'node:fs/promises'
import { setTimeout as sleep } from 'node:timers/promises'
import type { ActionRecord, Digest, WritableTier } from '@isthmus/dataflow'
import { encodeRows, type ResultRows } from '@isthmus/results'
import { UserError } from '@isthmus/tensor'
import type { z } from 'zod'
import { bodyOf, DirectTransfers, download } from './direct-transfers.ts'
import {
  type Action,
  apiPath,
  lookupAnswer,
  maximumBatch,
  maximumTransfers,
  missingAnswer,
  type Progress,
  problemSchema,
  rowsAnswer,
  transfersAnswer,
  whoamiAnswer,
} from './protocol.ts'
import { reached, ServerUnavailableError } from './remote-errors.ts'
import { splitRows } from './split-rows.ts'

/** How a server is reached. */
export interface ServerClientOptions {
  /** `http://lab:7007`, or below a path of a proxy. */
  readonly url: string
  /** What `isthmus token create` printed. Default: none, which a server on this machine may allow. */
  readonly token?: string
  /** The version of isthmus that asks, which the server writes beside what it is given. */
  readonly isthmus: string
  /** Take only results that these have given, by the names of their tokens. Default: anybody’s. */
  readonly trust?: readonly string[]
  /** How long an answer may take that is no blob, in seconds. Default 30. */
  readonly timeoutSeconds?: number
  /** Tries of a request that fails for now. Default 4, over about 4 s. */
  readonly tries?: number
  /** Told once, in a sentence, that blobs go through the server because where it keeps them is out of reach. */
  readonly onNotice?: (message: string) => void
}

const firstPauseMilliseconds = 200
/** Answers that may be others the next time: too slow, too many requests, no room on the disk, and what a proxy says of a server
 *  that is away.
 */
const transient = new Set([408, 429, 502, 503, 504, 507])
/** Rows that one request holds. */
const rowsPerRequest = 5000

/** A team’s server, asked over HTTP. Nothing is kept between requests, so that it may end and start again meanwhile. */
export class ServerClient implements WritableTier {
  readonly name: string
  readonly #base: string
  readonly #options: ServerClientOptions
  readonly #direct: DirectTransfers

  /** @throws {UserError} when the address is none. */
  constructor(options: ServerClientOptions) {
    this.#options = options
    if (!/^https?:$/.test(URL.canParse(options.url) ? new URL(options.url).protocol : '')) {
      throw new UserError(`'${options.url}' is no address of a server: expected one such as http://lab:7007`)
    }
    this.#base = options.url.replace(/\/+$/, '') + apiPath
    this.name = options.url
    this.#direct = new DirectTransfers({
      downloads: (blobs) => this.#transfers('/blobs/downloads', blobs),
      uploads: (blobs) => this.#transfers('/blobs/uploads', blobs),
      onNotice: options.onNotice ?? (() => {}),
    })
  }

  /** Who this client is to the server, and what the server is.
   *
   *  @throws as every request does: {ServerUnavailableError} when it cannot be reached; {UserError} when the token is
   *    no good, or its role does not allow it.
   */
  async whoami(): Promise<z.infer<typeof whoamiAnswer>> {
    return this.#json('GET', '/whoami', undefined, whoamiAnswer)
  }

  /** Records and who gave them, of those keys that the server has whole, by whom this client trusts. */
  async actions(keys: readonly Digest[]): Promise<Action[]> {
    const { trust } = this.#options
    const found: Action[] = []
    for (const batch of batches(keys)) {
      const { actions } = await this.#json('POST', '/actions/lookup', { keys: batch, trust }, lookupAnswer)
      found.push(...(actions as Action[]))
    }
    return found
  }

  async lookup(keys: readonly Digest[]): Promise<ReadonlyMap<Digest, ActionRecord>> {
    return new Map((await this.actions(keys)).map(({ record }) => [record.key, record]))
  }

  /** Those of these keys that the server lacks. */
  async missingActions(keys: readonly Digest[]): Promise<Digest[]> {
    return this.#missing('/actions/missing', 'keys', keys)
  }

  async missing(blobs: readonly Digest[]): Promise<Digest[]> {
    return this.#missing('/blobs/missing', 'blobs', blobs)
  }

  /** Copy a blob into a file, from where the server keeps it, or through the server. A transfer that is cut off goes on where
   *  it was.
   */
  async fetch(blob: Digest, path: string): Promise<void> {
    await this.#retry(async () => {
      if (await this.#direct.fetch(blob, path)) return
      await download(this.name, path, (headers) => this.#send('GET', `/blobs/${blob}`, { headers }))
    })
  }

  async upload(blob: Digest, path: string): Promise<void> {
    const { size } = await stat(path)
    await this.#retry(async () => {
      if (await this.#direct.upload(blob, path, size)) return
      const headers = { 'content-type': 'application/octet-stream', 'content-length': String(size) }
      await this.#send('PUT', `/blobs/${blob}`, { ...bodyOf(path), headers })
    })
  }

  async publish(record: ActionRecord): Promise<boolean> {
    const body = { record, isthmus: this.#options.isthmus }
    const response = await this.#retry(() =>
      this.#sendJson('PUT', `/actions/${record.key}`, JSON.stringify(body), [409]),
    )
    return response.status !== 409
  }

  /** Give rows of results, in as many requests as it takes; each is taken whole, and the same rows twice change nothing. */
  async sendRows(rows: ResultRows): Promise<void> {
    for (const part of splitRows(rows, rowsPerRequest)) {
      const response = await this.#retry(() => this.#sendJson('POST', '/rows', encodeRows(part)))
      rowsAnswer.parse(await response.json())
    }
  }

  /** Say how far a run is; not tried again, since the next one says more. */
  async sendProgress(id: string, progress: Progress): Promise<void> {
    await this.#sendJson('PUT', `/runs/${id}`, JSON.stringify(progress))
  }

  async #missing(path: string, field: 'keys' | 'blobs', items: readonly Digest[]): Promise<Digest[]> {
    const missing: Digest[] = []
    for (const batch of batches(items)) {
      const answer = await this.#json('POST', path, { [field]: batch }, missingAnswer)
      missing.push(...(answer.missing as Digest[]))
    }
    return missing
  }

  /** Not tried again: what needs the answer is. A server of before there were such has no such path. */
  async #transfers(path: string, blobs: readonly unknown[]): Promise<z.infer<typeof transfersAnswer>> {
    const answer = { isDirect: false, transfers: [] as z.infer<typeof transfersAnswer>['transfers'] }
    for (const batch of batches(blobs, maximumTransfers)) {
      const response = await this.#sendJson('POST', path, JSON.stringify({ blobs: batch }), [404])
      if (response.status === 404) return answer
      const { isDirect, transfers } = await this.#parse(response, transfersAnswer, `POST ${apiPath}${path}`)
      answer.isDirect = isDirect
      answer.transfers.push(...transfers)
    }
    return answer
  }

  async #json<Schema extends z.ZodType>(
    method: string,
    path: string,
    body: unknown,
    schema: Schema,
  ): Promise<z.infer<Schema>> {
    return this.#retry(async () => {
      const response = await this.#sendJson(method, path, body === undefined ? undefined : JSON.stringify(body))
      return this.#parse(response, schema, `${method} ${apiPath}${path}`)
    })
  }

  async #parse<Schema extends z.ZodType>(
    response: Response,
    schema: Schema,
    request: string,
  ): Promise<z.infer<Schema>> {
    const answer = schema.safeParse(await reached(this.name, response.json()))
    if (answer.success) return answer.data
    throw new UserError(
      `${this.name} answered ${request} with what this version does not understand ` +
        `(${answer.error.issues[0]?.message}): is it a server of isthmus, of the same version?`,
    )
  }

  async #sendJson(method: string, path: string, body?: string, allowed?: readonly number[]): Promise<Response> {
    const signal = AbortSignal.timeout((this.#options.timeoutSeconds ?? 30) * 1000)
    const init = body === undefined ? { signal } : { signal, body, headers: { 'content-type': 'application/json' } }
    return this.#send(method, path, init, allowed)
  }

  /** @param allowed Statuses of refusals that are answers. */
  async #send(method: string, path: string, init: RequestInit, allowed: readonly number[] = []): Promise<Response> {
    const { token } = this.#options
    const authorization = token === undefined ? {} : { authorization: `Bearer ${token}` }
    const headers = { ...(init.headers as Record<string, string>), ...authorization }
    const response = await reached(this.name, fetch(this.#base + path, { ...init, method, headers }))
    if (response.ok || response.status === 416 || allowed.includes(response.status)) return response
    throw await this.#refusal(response, `${method} ${apiPath}${path}`)
  }

  async #refusal(response: Response, request: string): Promise<Error> {
    const { status } = response
    const problem = problemSchema.safeParse(await response.json().catch(() => undefined))
    const message = problem.success ? problem.data.message : `status ${status}`
    if (transient.has(status)) return new ServerUnavailableError(`${this.name} cannot answer now: ${message}`)
    switch (status) {
      case 401:
        return new UserError(`${this.name} wants a token that it knows (${message}): set ISTHMUS_TOKEN`)
      case 403:
        return new UserError(`${this.name} does not let this token do that: ${message}`)
      case 404:
        return new UserError(`${this.name} has no ${request}: ${message}`)
      default:
        return new UserError(`${this.name} refused ${request}: ${message}`)
    }
  }

  async #retry<Result>(task: () => Promise<Result>): Promise<Result> {
    const { tries = 4 } = this.#options
    for (let attempt = 1; ; attempt++) {
      try {
        return await task()
      } catch (error) {
        if (!(error instanceof ServerUnavailableError) || attempt >= tries) throw error
        await sleep(firstPauseMilliseconds * 2 ** attempt * (0.75 + 0.5 * Math.random()))
      }
    }
  }
}

function* batches<Item>(items: readonly Item[], size = maximumBatch): Iterable<readonly Item[]> {
  for (let start = 0; start < items.length; start += size) yield items.slice(start, start + size)
}
