import type { LiveRun } from '@isthmus/remote'

/** A refusal of the server, or none reached. */
export class ServerError extends Error {
  override readonly name = 'ServerError'
  /** 0: the server was not reached. */
  readonly status: number

  constructor(message: string, status: number) {
    super(message)
    this.status = status
  }
}

/** A value of a result, as JSON has it: large integers are text, and what is not finite is null. */
export type Value = string | number | boolean | null | readonly Value[] | { readonly [name: string]: Value }
export type Row = Readonly<Record<string, Value>>

/** A result, and up to when rows were recorded that it has. */
export interface QueryResult {
  readonly columns: readonly { readonly name: string; readonly type: string }[]
  readonly rows: readonly (readonly Value[])[]
  readonly asOf: string
}

/** Who one is to the server. */
export interface Whoami {
  readonly name: string
  readonly role: 'read' | 'write' | 'admin'
  readonly isthmus: string
}

const tokenKey = 'isthmus-token'

/** The token that is kept in this browser; null where none is. */
export function keptToken(): string | null {
  return localStorage.getItem(tokenKey)
}

/** Keep a token in this browser; null forgets it. */
export function keepToken(token: string | null): void {
  if (token === null) localStorage.removeItem(tokenKey)
  else localStorage.setItem(tokenKey, token)
}

/** Called when the server wants a token, or another one. */
let whenUnauthorized: () => void = () => undefined
export function onUnauthorized(call: () => void): void {
  whenUnauthorized = call
}

/** Ask the server.
 *
 *  @param path After `/v1/`.
 *  @throws {ServerError} when the answer is not 2xx, with what the server says.
 */
export async function ask(path: string, { body, ...options }: RequestInit & { body?: string } = {}): Promise<Response> {
  const token = keptToken()
  const headers = {
    ...(body === undefined ? {} : { 'content-type': 'application/json' }),
    ...(token === null ? {} : { authorization: `Bearer ${token}` }),
  }
  const response = await fetch(`v1/${path}`, { ...options, headers, ...(body === undefined ? {} : { body }) }).catch(
    (error: unknown) => {
      if (options.signal?.aborted) throw error
      throw new ServerError('The server does not answer: is isthmus serve running?', 0)
    },
  )
  if (response.ok) return response
  if (response.status === 401) whenUnauthorized()
  throw new ServerError(await problemOf(response), response.status)
}

async function problemOf(response: Response): Promise<string> {
  try {
    const { message } = (await response.json()) as { message?: string }
    if (message !== undefined) return message
  } catch {}
  return `The server answered ${response.status} ${response.statusText}`
}

/** Run a query of one SELECT statement. */
export async function runQuery(sql: string, signal?: AbortSignal): Promise<QueryResult> {
  const response = await ask('sql', {
    method: 'POST',
    body: JSON.stringify({ sql, type: 'json' }),
    ...(signal === undefined ? {} : { signal }),
  })
  return response.json()
}

/** The rows of a result by the names of their columns. */
export function rowsOf<Result extends Row>({ columns, rows }: QueryResult): Result[] {
  return rows.map(
    (row) => Object.fromEntries(columns.map(({ name }, index) => [name, row[index]])) as unknown as Result,
  )
}

export async function whoami(): Promise<Whoami> {
  return (await ask('whoami')).json()
}

export async function liveRuns(): Promise<LiveRun[]> {
  const { runs } = (await (await ask('runs')).json()) as { runs: LiveRun[] }
  return runs
}

/** What happens on the server. `connected` and `lost` are ours: events between them are missed. */
export type ServerEvent =
  | { readonly name: 'connected' | 'lost' }
  | { readonly name: 'run'; readonly run: LiveRun }
  | { readonly name: 'rows' | 'disagreement' }

/** Listen to what happens on the server until the signal is aborted; listens again when the connection is lost, unless one
 *  may not listen.
 *
 *  `EventSource` would send no token along.
 */
export async function listen(onEvent: (event: ServerEvent) => void, signal: AbortSignal): Promise<void> {
  let wait = firstWait
  while (!signal.aborted) {
    try {
      const { body } = await ask('events', { signal })
      wait = firstWait
      onEvent({ name: 'connected' })
      for await (const event of eventsOf(body!)) onEvent(event)
    } catch (error) {
      if (signal.aborted || (error instanceof ServerError && [401, 403].includes(error.status))) return
    }
    onEvent({ name: 'lost' })
    await new Promise((resolve) => setTimeout(resolve, wait))
    wait = Math.min(2 * wait, longestWait)
  }
}

const firstWait = 1000
const longestWait = 30_000

async function* eventsOf(body: ReadableStream<Uint8Array>): AsyncGenerator<ServerEvent> {
  const reader = body.pipeThrough(new TextDecoderStream() as ReadableWritablePair<string, Uint8Array>).getReader()
  let text = ''
  for (;;) {
    const { done, value } = await reader.read()
    if (done) return
    const blocks = (text + value).split(/\r?\n\r?\n/)
    text = blocks.pop()!
    for (const block of blocks) {
      const name = /^event: ?(.+)$/m.exec(block)?.[1]
      const data = /^data: ?(.+)$/m.exec(block)?.[1]
      if (name !== undefined && data !== undefined) yield { name, ...JSON.parse(data) } as ServerEvent
    }
  }
}
