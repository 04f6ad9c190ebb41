import { createHash, createHmac } from 'node:crypto'
import { createServer, type IncomingMessage } from 'node:http'
import type { AddressInfo } from 'node:net'

/** A bucket in memory that speaks as much of S3's protocol as the storage needs: put on condition, parts, ranges, lists,
 *  checksums, and addresses that are signed, which it holds to their method, headers and time.
 */
export interface LoopbackS3 {
  readonly endpoint: string
  readonly objects: Map<string, Buffer>
  /** Uploads in parts that are neither complete nor aborted. */
  readonly uploads: Map<string, Map<number, Buffer>>
  /** Method and path with query of all requests. */
  readonly requests: string[]
  /** Seconds by which its clock is ahead. */
  secondsAhead: number
  /** Whether it compares content with the checksum that is sent along. Not every server of this protocol does. */
  checksContent: boolean
  /** Bytes after which the next object that is given is cut off. */
  cutAfter: number | undefined
  /** Stop answering, as if there were no way to it. */
  close(): void
}

interface Answer {
  readonly status: number
  readonly headers?: Record<string, string | number>
  readonly body?: Buffer | string
}

const bucket = 'lab'
export const loopbackCredentials = { accessKeyId: 'key', secretAccessKey: 'secret' }

/** Serve the bucket `lab`, until it is closed. */
export async function startLoopbackS3(): Promise<LoopbackS3> {
  const server = createServer(async (request, response) => {
    s3.requests.push(`${request.method} ${request.url}`)
    const content = await contentOf(request).catch(() => undefined)
    if (content === undefined) return
    const { status, headers = {}, body = '' } = refusal(s3, request, content) ?? answer(s3, request, content)
    response.writeHead(status, { 'content-type': 'application/xml', ...headers })
    if (s3.cutAfter === undefined || request.method !== 'GET') {
      response.end(request.method === 'HEAD' ? undefined : body)
      return
    }
    response.write(Buffer.from(body).subarray(0, s3.cutAfter), () => setTimeout(() => response.socket?.destroy(), 20))
    s3.cutAfter = undefined
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const close = () => {
    server.closeAllConnections()
    server.close()
  }
  const s3: LoopbackS3 = {
    ...{
      objects: new Map(),
      uploads: new Map(),
      requests: [],
      secondsAhead: 0,
      checksContent: true,
      cutAfter: undefined,
      close,
    },
    endpoint: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
  }
  return s3
}

/** What is wrong with a request; undefined: nothing. Of signatures those in addresses are looked at. */
function refusal(s3: LoopbackS3, request: IncomingMessage, content: Buffer): Answer | undefined {
  const { searchParams } = new URL(request.url!, s3.endpoint)
  if (searchParams.has('X-Amz-Signature')) {
    const [, year, month, day, time] = /^(\d{4})(\d\d)(\d\d)T(\d{6})Z$/.exec(searchParams.get('X-Amz-Date') ?? '')!
    const signedAt = Date.parse(`${year}-${month}-${day}T${time!.replace(/(..)(..)(..)/, '$1:$2:$3')}Z`)
    const age = (Date.now() - signedAt) / 1000 + s3.secondsAhead
    if (age > Number(searchParams.get('X-Amz-Expires'))) return failure(403, 'AccessDenied')
    const signed = searchParams.get('X-Amz-SignedHeaders')!.split(';')
    // As of S3: headers that mean something must be signed, and those that are signed must be there.
    if (Object.keys(request.headers).some((name) => name.startsWith('x-amz-') && !signed.includes(name))) {
      return failure(403, 'AccessDenied')
    }
    if (signatureOf(request, searchParams, signed) !== searchParams.get('X-Amz-Signature')) {
      return failure(403, 'SignatureDoesNotMatch')
    }
  }
  const checksum = request.headers['x-amz-checksum-sha256']
  const sha256 = createHash('sha256').update(content).digest('base64')
  return s3.checksContent && checksum !== undefined && checksum !== sha256 ? failure(400, 'BadDigest') : undefined
}

/** @see AWS, Signature Version 4, “Authenticating Requests: Using Query Parameters”. */
function signatureOf({ method, url, headers }: IncomingMessage, query: URLSearchParams, signed: readonly string[]) {
  const encode = (text: string) =>
    encodeURIComponent(text).replaceAll(/[!'()*]/g, (one) => `%${one.charCodeAt(0).toString(16).toUpperCase()}`)
  const canonicalQuery = [...query]
    .filter(([name]) => name !== 'X-Amz-Signature')
    .map(([name, value]) => `${encode(name)}=${encode(value)}`)
    .sort()
    .join('&')
  const canonicalHeaders = signed.map((name) => `${name}:${String(headers[name] ?? '').trim()}\n`).join('')
  const path = url!.slice(0, url!.indexOf('?'))
  const canonical = [method, path, canonicalQuery, canonicalHeaders, signed.join(';'), 'UNSIGNED-PAYLOAD'].join('\n')
  const scope = query.get('X-Amz-Credential')!.split('/').slice(1)
  const hashed = createHash('sha256').update(canonical).digest('hex')
  const text = ['AWS4-HMAC-SHA256', query.get('X-Amz-Date'), scope.join('/'), hashed].join('\n')
  const hmac = (key: Buffer | string, data: string) => createHmac('sha256', key).update(data).digest()
  const key = scope.reduce<Buffer | string>(hmac, `AWS4${loopbackCredentials.secretAccessKey}`)
  return hmac(key, text).toString('hex')
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
      const [, start, end] = /^bytes=(\d+)-(\d*)$/.exec(headers.range ?? '') ?? []
      if (Number(start) >= object.length) return failure(416, 'InvalidRange')
      const body = start === undefined ? object : object.subarray(Number(start), end ? Number(end) + 1 : undefined)
      return { status: start === undefined ? 200 : 206, headers: { 'content-length': body.length }, body }
    }
    case 'DELETE':
      objects.delete(key)
      return { status: 204 }
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
