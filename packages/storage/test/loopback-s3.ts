import { createHash } from 'node:crypto'
import { createServer, type IncomingMessage } from 'node:http'
import type { AddressInfo } from 'node:net'
import { onTestFinished } from 'vitest'

/** A bucket in memory that speaks as much of S3's protocol as the storage needs: put on condition, parts, ranges, lists. */
export interface LoopbackS3 {
  readonly endpoint: string
  readonly objects: Map<string, Buffer>
  /** Uploads in parts that are neither complete nor aborted. */
  readonly uploads: Map<string, Map<number, Buffer>>
  /** Method and path with query of all requests. */
  readonly requests: string[]
}

interface Answer {
  readonly status: number
  readonly headers?: Record<string, string | number>
  readonly body?: Buffer | string
}

const bucket = 'lab'

/** Serve the bucket `lab` until the test has finished. */
export async function loopbackS3(): Promise<LoopbackS3> {
  const state = { objects: new Map<string, Buffer>(), uploads: new Map(), requests: [] as string[] }
  const server = createServer(async (request, response) => {
    state.requests.push(`${request.method} ${request.url}`)
    const { status, headers = {}, body = '' } = answer(state, request, await contentOf(request))
    response.writeHead(status, { 'content-type': 'application/xml', ...headers })
    response.end(request.method === 'HEAD' ? undefined : body)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  onTestFinished(() => {
    server.closeAllConnections()
    server.close()
  })
  return { ...state, endpoint: `http://127.0.0.1:${(server.address() as AddressInfo).port}` }
}

function answer(
  { objects, uploads }: Pick<LoopbackS3, 'objects' | 'uploads'>,
  { method, url, headers }: IncomingMessage,
  content: Buffer,
): Answer {
  const { pathname, searchParams } = new URL(url!, 'http://loopback')
  const [, name, ...parts] = pathname.split('/')
  const key = parts.join('/')
  if (name !== bucket) return failure(404, 'NoSuchBucket')
  const upload = searchParams.get('uploadId')
  if (key === '') return { status: 200, body: listing(objects, searchParams) }
  switch (`${method}${upload === null ? '' : ' upload'}`) {
    case 'HEAD':
    case 'GET': {
      const object = objects.get(key)
      if (object === undefined) return failure(404, 'NoSuchKey')
      const [, start, end] = /^bytes=(\d+)-(\d+)$/.exec(headers.range ?? '') ?? []
      const body = start === undefined ? object : object.subarray(Number(start), Number(end) + 1)
      return { status: start === undefined ? 200 : 206, headers: { 'content-length': body.length }, body }
    }
    case 'PUT':
      if (headers['if-none-match'] === '*' && objects.has(key)) return failure(412, 'PreconditionFailed')
      objects.set(key, content)
      return { status: 200, headers: { etag: etag(content) } }
    case 'POST': {
      const id = `upload-${uploads.size}-${Math.random()}`
      uploads.set(id, new Map())
      return { status: 200, body: xml('InitiateMultipartUploadResult', { Bucket: bucket, Key: key, UploadId: id }) }
    }
    case 'PUT upload':
      uploads.get(upload!)!.set(Number(searchParams.get('partNumber')), content)
      return { status: 200, headers: { etag: etag(content) } }
    case 'POST upload': {
      if (headers['if-none-match'] === '*' && objects.has(key)) return failure(412, 'PreconditionFailed')
      const sent = [...uploads.get(upload!)!].sort(([a], [b]) => a - b).map(([, part]) => part)
      uploads.delete(upload!)
      objects.set(key, Buffer.concat(sent))
      return { status: 200, body: xml('CompleteMultipartUploadResult', { Bucket: bucket, Key: key, ETag: '"whole"' }) }
    }
    case 'DELETE upload':
      uploads.delete(upload!)
      return { status: 204 }
    default:
      return failure(405, 'MethodNotAllowed')
  }
}

/** Two at a time, so that there are pages. */
function listing(objects: ReadonlyMap<string, Buffer>, query: URLSearchParams): string {
  const after = query.get('continuation-token') ?? ''
  const keys = [...objects.keys()].filter((key) => key > after && key.startsWith(query.get('prefix') ?? '')).sort()
  const page = keys.slice(0, 2)
  const contents = page.map((key) => xml('Contents', { Key: key, Size: String(objects.get(key)!.length) })).join('')
  const isTruncated = keys.length > page.length
  const next = isTruncated ? `<NextContinuationToken>${page.at(-1)}</NextContinuationToken>` : ''
  return `<ListBucketResult><IsTruncated>${isTruncated}</IsTruncated>${next}${contents}</ListBucketResult>`
}

function xml(name: string, fields: Readonly<Record<string, string>>): string {
  const inner = Object.entries(fields).map(([field, value]) => `<${field}>${value}</${field}>`)
  return `<${name}>${inner.join('')}</${name}>`
}

function failure(status: number, code: string): Answer {
  return { status, body: xml('Error', { Code: code, Message: code }) }
}

function etag(content: Buffer): string {
  return `"${createHash('md5').update(content).digest('hex')}"`
}

/** The SDK sends streams in signed chunks: `LENGTH;chunk-signature=…\r\n…\r\n`, or plainly. */
async function contentOf(request: IncomingMessage): Promise<Buffer> {
  const received: Buffer[] = []
  for await (const part of request) received.push(part as Buffer)
  const body = Buffer.concat(received)
  if (!String(request.headers['content-encoding'] ?? '').includes('aws-chunked')) return body
  const chunks: Buffer[] = []
  for (let at = 0; at < body.length; ) {
    const lineEnd = body.indexOf('\r\n', at)
    const length = Number.parseInt(body.subarray(at, lineEnd).toString(), 16)
    if (!(length > 0)) break
    chunks.push(body.subarray(lineEnd + 2, lineEnd + 2 + length))
    at = lineEnd + 2 + length + 2
  }
  return Buffer.concat(chunks)
}
