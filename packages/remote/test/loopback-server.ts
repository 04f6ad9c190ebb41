import { createHash } from 'node:crypto'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { decodeRows, type ResultRows } from '@isthmus/results'
import { onTestFinished } from 'vitest'
import {
  type Action,
  lookupRequest,
  missingActionsRequest,
  missingBlobsRequest,
  publishRequest,
  rowsRequest,
} from '../src/index.ts'

/** What a loopback server does with a request instead of answering it. */
export type Fault = 'cut' | 'unavailable' | undefined

/** The least server of the protocol, in memory, which checks what it is sent and can be made to fail. */
export interface LoopbackServer {
  readonly url: string
  readonly blobs: Map<string, Buffer>
  readonly actions: Map<string, Action>
  readonly rows: ResultRows[]
  /** Method and path of all requests. */
  readonly requests: string[]
  /** Asked for each request before it is done, and `after` before it is answered. */
  fault: (request: string, when: 'before' | 'after') => Fault
  /** Bytes after which the transfer of a blob is cut, once. */
  cutBlobAfter: number | undefined
  token: string | undefined
}

/** Serve until the test has finished. */
export async function loopbackServer(): Promise<LoopbackServer> {
  const state: Omit<LoopbackServer, 'url'> = {
    blobs: new Map(),
    actions: new Map(),
    rows: [],
    requests: [],
    fault: () => undefined,
    cutBlobAfter: undefined,
    token: undefined,
  }
  const server = createServer(async (request, response) => {
    const name = `${request.method} ${request.url}`
    server_.requests.push(name)
    if (fail(server_.fault(name, 'before'), response)) return
    const body = await bodyOf(request).catch(() => undefined)
    if (body === undefined) return
    if (server_.token !== undefined && request.headers.authorization !== `Bearer ${server_.token}`) {
      return answer(response, 401, { error: 'unauthorized', message: 'there is no such token' })
    }
    const result = handle(server_, request, body)
    if (fail(server_.fault(name, 'after'), response)) return
    if (!(result.body instanceof Buffer)) return answer(response, result.status, result.body)
    sendBlob(server_, response, result.status, result.body)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  onTestFinished(() => {
    server.closeAllConnections()
    server.close()
  })
  const server_: LoopbackServer = Object.assign(state, {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
  })
  return server_
}

interface Answer {
  readonly status: number
  readonly body: unknown
}

function handle(server: LoopbackServer, { method, url, headers }: IncomingMessage, body: Buffer): Answer {
  const [, version, kind, item = ''] = url!.split('/')
  if (version !== 'v1') return { status: 404, body: { error: 'not-found', message: 'no such path' } }
  const json = () => JSON.parse(body.toString()) as unknown
  switch (`${method} ${kind}${/^[0-9a-f]{64}$/.test(item) ? '' : `/${item}`}`) {
    case 'POST actions/lookup': {
      const { keys, trust } = lookupRequest.parse(json())
      const found = keys.flatMap((key) => server.actions.get(key) ?? [])
      return { status: 200, body: { actions: found.filter(({ origin }) => trust?.includes(origin.by) ?? true) } }
    }
    case 'POST actions/missing':
      return missing(missingActionsRequest.parse(json()).keys, server.actions)
    case 'POST blobs/missing':
      return missing(missingBlobsRequest.parse(json()).blobs, server.blobs)
    case 'POST blobs/downloads':
    case 'POST blobs/uploads':
      return { status: 200, body: { isDirect: false, transfers: [] } }
    case 'PUT actions': {
      const { record, isthmus } = publishRequest.parse(json()) as { record: Action['record']; isthmus: string }
      const known = server.actions.get(record.key)
      if (known) return { status: known.record.output.digest === record.output.digest ? 200 : 409, body: conflict }
      if (Object.values(record.output.blobs).some((blob) => !server.blobs.has(blob))) {
        return { status: 422, body: { error: 'incomplete', message: 'blobs are missing' } }
      }
      server.actions.set(record.key, { record, origin: { by: 'tester', isthmus, at: new Date().toISOString() } })
      return { status: 201, body: {} }
    }
    case 'PUT blobs': {
      if (createHash('sha256').update(body).digest('hex') !== item) {
        return { status: 422, body: { error: 'bad-request', message: 'other content' } }
      }
      server.blobs.set(item, body)
      return { status: 201, body: {} }
    }
    case 'GET blobs': {
      const blob = server.blobs.get(item)
      if (blob === undefined) return { status: 404, body: { error: 'not-found', message: 'no such blob' } }
      const start = Number(/^bytes=(\d+)-$/.exec(headers.range ?? '')?.[1] ?? 0)
      return { status: start > 0 ? 206 : 200, body: blob.subarray(start) }
    }
    case 'POST rows/': {
      const { schemaVersion, rows } = rowsRequest.parse(json())
      server.rows.push(decodeRows({ schemaVersion, rows }))
      return { status: 200, body: { rows: 1 } }
    }
    default:
      return { status: 404, body: { error: 'not-found', message: 'no such path' } }
  }
}

const conflict = { error: 'conflict', message: 'another value is there' }

function missing(items: readonly string[], known: ReadonlyMap<string, unknown>): Answer {
  return { status: 200, body: { missing: items.filter((item) => !known.has(item)) } }
}

function fail(fault: Fault, response: ServerResponse): boolean {
  if (fault === 'cut') response.socket?.destroy()
  if (fault === 'unavailable') answer(response, 503, { error: 'unavailable', message: 'not now' })
  return fault !== undefined
}

function answer(response: ServerResponse, status: number, body: unknown): void {
  response.writeHead(status, { 'content-type': 'application/json' })
  response.end(JSON.stringify(body))
}

function sendBlob(server: LoopbackServer, response: ServerResponse, status: number, blob: Buffer): void {
  response.writeHead(status, { 'content-length': blob.length })
  const { cutBlobAfter } = server
  if (cutBlobAfter === undefined) {
    response.end(blob)
    return
  }
  server.cutBlobAfter = undefined
  response.write(blob.subarray(0, cutBlobAfter), () => setTimeout(() => response.socket?.destroy(), 20))
}

async function bodyOf(request: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = []
  for await (const chunk of request) chunks.push(chunk as Buffer)
  return Buffer.concat(chunks)
}
