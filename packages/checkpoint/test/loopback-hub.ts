import { createHash } from 'node:crypto'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { onTestFinished } from 'vitest'

/** A hub on this machine, with one model or several of one commit; what it does wrong can be set at any time. */
export interface LoopbackHub {
  readonly url: string
  /** `METHOD path` of every request, with the range where one was asked for. */
  readonly requests: string[]
  /** Those of `repo`. */
  readonly files: Map<string, Buffer>
  /** Those of further models, by `owner/name`. */
  readonly others: ReadonlyMap<string, ReadonlyMap<string, Buffer>>
  /** Commits by branch, tag or commit. */
  readonly revisions: Map<string, string>
  /** The token without which nothing is given. */
  token: string | null
  /** Cut the connection after so many bytes of each content that is longer. */
  cutAfter: number
  /** Answer every request for content with this status. */
  contentStatus: number | null
  /** Bytes sent in place of a file's. */
  readonly forged: Map<string, Buffer>
}

export const repo = 'google/tiny-bert'
export const commit = 'c0ffee'.padEnd(40, '0')

type Files = Readonly<Record<string, Buffer>>

/** Start a hub that serves the calls which its client makes; it stops when the test ends. */
export async function loopbackHub(files: Files, others: Readonly<Record<string, Files>> = {}): Promise<LoopbackHub> {
  const server = createServer((request, response) => answer(hub, request, response))
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  onTestFinished(() => {
    server.closeAllConnections()
    server.close()
  })
  const hub: LoopbackHub = {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    requests: [],
    files: new Map(Object.entries(files)),
    others: new Map(Object.entries(others).map(([name, own]) => [name, new Map(Object.entries(own))])),
    revisions: new Map([
      ['HEAD', commit],
      ['main', commit],
      [commit, commit],
    ]),
    token: null,
    cutAfter: Number.POSITIVE_INFINITY,
    contentStatus: null,
    forged: new Map(),
  }
  return hub
}

/** Weights are kept in large-file storage, by their SHA-256; the rest is in git. */
const isLarge = (name: string) => /\.(safetensors|bin)$/.test(name)

export function digestOf(name: string, content: Buffer): string {
  if (isLarge(name)) return createHash('sha256').update(content).digest('hex')
  return createHash('sha1').update(`blob ${content.length}\0`).update(content).digest('hex')
}

function answer(hub: LoopbackHub, request: IncomingMessage, response: ServerResponse): void {
  const { pathname } = new URL(request.url!, hub.url)
  const range = request.headers.range
  hub.requests.push(`${request.method} ${pathname}${range === undefined ? '' : ` ${range}`}`)
  const fail = (status: number, error: string) =>
    response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify({ error }))
  if (hub.token !== null && request.headers.authorization !== `Bearer ${hub.token}`) {
    return void fail(401, 'Invalid username or password.')
  }
  const [, api, name = '', call, rest = ''] =
    /^(\/api\/models)?\/([\w.-]+\/[\w.-]+)\/(revision|tree|resolve)\/(.+)$/.exec(pathname) ?? []
  const files = name === repo ? hub.files : hub.others.get(name)
  if (files === undefined) return void fail(404, 'Repository not found')
  if (api !== undefined && call === 'revision') {
    const sha = hub.revisions.get(decodeURIComponent(rest))
    if (sha === undefined) return void fail(404, 'Invalid rev id')
    return json(response, { _id: '1', id: name, sha, lastModified: '2024-01-01T00:00:00.000Z' })
  }
  if (api !== undefined && call === 'tree' && rest === commit) return json(response, listing(files))
  const file = rest.startsWith(`${commit}/`) ? rest.slice(commit.length + 1) : ''
  const content = hub.forged.get(file) ?? files.get(file)
  if (content === undefined) return void fail(404, 'Entry not found')
  if (hub.contentStatus !== null && range !== 'bytes=0-0') return void fail(hub.contentStatus, 'no')
  send(hub, response, content, range, digestOf(file, content))
}

function listing(content: ReadonlyMap<string, Buffer>): object[] {
  const folder = { type: 'directory', path: 'runs', size: 0, oid: '0'.repeat(40) }
  const files = [...content].map(([path, content]) => {
    const oid = digestOf(path, content)
    const large = { oid, size: content.length, pointerSize: 130 }
    return {
      type: 'file',
      path,
      size: content.length,
      ...(isLarge(path) ? { oid: '1'.repeat(40), lfs: large } : { oid }),
    }
  })
  return [folder, ...files]
}

function send(hub: LoopbackHub, response: ServerResponse, content: Buffer, range: string | undefined, etag: string) {
  const [begin, end] = range?.match(/\d+/g)?.map(Number) ?? [0, content.length - 1]
  const part = content.subarray(begin, Math.min(end!, content.length - 1) + 1)
  response.writeHead(range === undefined ? 200 : 206, {
    'content-length': part.length,
    etag: `"${etag}"`,
    ...(range === undefined ? {} : { 'content-range': `bytes ${begin}-${end}/${content.length}` }),
  })
  if (part.length <= hub.cutAfter) return void response.end(part)
  response.write(part.subarray(0, hub.cutAfter), () => setTimeout(() => response.destroy(), 20))
}

function json(response: ServerResponse, body: unknown): void {
  response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(body))
}
