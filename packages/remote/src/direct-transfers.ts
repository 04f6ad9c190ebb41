import { createReadStream, createWriteStream } from 'node:fs'
import { stat } from 'node:fs/promises'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Digest } from '@isthmus/dataflow'
import { UserError } from '@isthmus/tensor'
import type { z } from 'zod'
import type { Transfer, transfersAnswer } from './protocol.ts'
import { reached, ServerUnavailableError } from './remote-errors.ts'

/** A blob that is to be put. */
export interface SizedBlob {
  readonly digest: Digest
  readonly bytes: number
}

type TransfersAnswer = z.infer<typeof transfersAnswer>

/** How the server is asked. */
export interface DirectTransfersOptions {
  downloads(blobs: readonly Digest[]): Promise<TransfersAnswer>
  uploads(blobs: readonly SizedBlob[]): Promise<TransfersAnswer>
  /** Told once that blobs go through the server, and why. */
  onNotice(message: string): void
}

/** How long blobs go through the server once the way past it was found closed. */
const pauseMilliseconds = 300_000
/** How long is waited for others that want to be asked for. */
const gatherMilliseconds = 5
/** Of refusals, what may be otherwise the next time; 409: of two writers at once. */
const transient = new Set([408, 409, 429, 500, 502, 503, 504])

/** Moves blobs between files and where a server keeps them, past the server, as long as there is a way. */
export class DirectTransfers {
  readonly #options: DirectTransfersOptions
  readonly #downloads: Gathered<Digest>
  readonly #uploads: Gathered<SizedBlob>
  #closedUntil = 0
  #isNoticed = false

  constructor(options: DirectTransfersOptions) {
    this.#options = options
    const heard = ({ isDirect, transfers }: TransfersAnswer) => {
      if (!isDirect) this.#close()
      return transfers
    }
    this.#downloads = new Gathered(async (blobs) => heard(await options.downloads(blobs)))
    this.#uploads = new Gathered(async (blobs) => heard(await options.uploads(blobs)))
  }

  /** Copy a blob into a file, which may have its beginning.
   *
   *  @returns False when it has to go through the server.
   *  @throws {ServerUnavailableError} when it was cut off, or cannot be had now; {UserError} when it is not there.
   */
  async fetch(blob: Digest, path: string): Promise<boolean> {
    if (this.#isClosed) return false
    const transfer = await this.#downloads.ask(blob, blob)
    if (transfer === undefined) return false
    const response = await download(new URL(transfer.url).host, path, (range) =>
      this.#send(transfer, { headers: range }),
    )
    return response !== undefined
  }

  /** Put a blob that is in a file.
   *
   *  @returns False when it has to go through the server.
   *  @throws {ServerUnavailableError} when it cannot be put now; {UserError} when the file has another content.
   */
  async upload(blob: Digest, path: string, bytes: number): Promise<boolean> {
    if (this.#isClosed) return false
    const transfer = await this.#uploads.ask(blob, { digest: blob, bytes })
    if (transfer === undefined) return false
    const response = await this.#send(transfer, bodyOf(path), [412])
    await response?.body?.cancel()
    return response !== undefined
  }

  get #isClosed(): boolean {
    return performance.now() < this.#closedUntil
  }

  /** @returns Undefined when there is no way from this machine. Addresses are secrets, and in no message. */
  async #send({ digest, url, headers }: Transfer, init: RequestInit, allowed: readonly number[] = []) {
    const { host } = new URL(url)
    const sent = fetch(url, { ...init, headers: { ...headers, ...(init.headers as Record<string, string>) } })
    const response = await reached(host, sent).catch((error) => {
      if (!(error instanceof ServerUnavailableError)) throw error
      this.#close(error.message)
    })
    if (response === undefined) return undefined
    const { ok, status } = response
    if (ok || status === 416 || allowed.includes(status)) return response
    const [, code = `status ${status}`] = /<Code>(\w+)<\/Code>/.exec(await response.text().catch(() => '')) ?? []
    if (status === 403) {
      this.#close(`${host} refuses this machine (${code})`)
      return undefined
    }
    if (transient.has(status)) throw new ServerUnavailableError(`${host} cannot move ${digest} now: ${code}`)
    throw new UserError(`${host} refused the blob ${digest}: ${code}`)
  }

  #close(reason?: string): void {
    this.#closedUntil = performance.now() + pauseMilliseconds
    if (reason === undefined || this.#isNoticed) return
    this.#isNoticed = true
    this.#options.onNotice(`${reason}: blobs go through the server`)
  }
}

/** Write what a request answers into a file, from where the file ends.
 *
 *  @param name Of whom is asked, for people.
 *  @param send Makes the request, with a header for the rest.
 *  @returns The answer, of which all is in the file.
 *  @throws {ServerUnavailableError} when it was cut off.
 */
export async function download<Answer extends Response | undefined>(
  name: string,
  path: string,
  send: (range: Record<string, string>) => Promise<Answer>,
): Promise<Answer> {
  const start = (await stat(path).catch(() => undefined))?.size ?? 0
  const response = await send(start > 0 ? { range: `bytes=${start}-` } : {})
  if (response === undefined || response.status === 416) return response
  const content = response.body === null ? Readable.from([]) : Readable.fromWeb(response.body as never)
  const flags = response.status === 206 ? 'a' : 'w'
  await reached(name, pipeline(content, createWriteStream(path, { flags })))
  return response
}

/** The content of a file, to be sent. */
export function bodyOf(path: string): RequestInit {
  return {
    method: 'PUT',
    body: Readable.toWeb(createReadStream(path)) as ReadableStream<Uint8Array>,
    duplex: 'half',
  } as RequestInit
}

/** Asks at once for what is asked for one by one within a moment. */
class Gathered<Item> {
  readonly #task: (items: readonly Item[]) => Promise<readonly Transfer[]>
  #waiting = new Map<Digest, Item>()
  #answer: Promise<ReadonlyMap<string, Transfer>> | undefined

  constructor(task: (items: readonly Item[]) => Promise<readonly Transfer[]>) {
    this.#task = task
  }

  async ask(blob: Digest, item: Item): Promise<Transfer | undefined> {
    this.#waiting.set(blob, item)
    this.#answer ??= sleep(gatherMilliseconds).then(async () => {
      const items = [...this.#waiting.values()]
      this.#waiting = new Map()
      this.#answer = undefined
      return new Map((await this.#task(items)).map((transfer) => [transfer.digest, transfer]))
    })
    return (await this.#answer).get(blob)
  }
}
