import { createHash, randomUUID } from 'node:crypto'
import { DeleteObjectCommand, GetObjectCommand, type S3Client } from '@aws-sdk/client-s3'
import { getSignedUrl, S3RequestPresigner } from '@aws-sdk/s3-request-presigner'
import type { Digest } from '@isthmus/dataflow'
import { UserError } from '@isthmus/tensor'
import type { DirectRequest, DirectTransfer } from './blob-storage.ts'

/** A bucket, and where in it blobs are. */
export interface S3Place {
  readonly bucket: string
  /** What the keys begin with, `isthmus/`, or nothing. */
  readonly prefix: string
  /** For people. */
  readonly name: string
}

/** How long an address may be used. A transfer that has begun may go on. */
const expiresIn = 900
/** What S3 takes in one request. */
const maximumBytes = 5 * 2 ** 30

/** Addresses of a bucket that are signed by one who has credentials.
 *
 *  What is put is bound by signed headers to its SHA-256 (`x-amz-checksum-sha256`), its size, and to nothing being there
 *  (`if-none-match: *`). Not every server that speaks S3’s protocol looks at these, so each is tried first, on objects
 *  beside the blobs that are removed again.
 *
 *  Signing takes some 50 µs: the library’s `getSignedUrl`, which runs a whole command, takes twenty times as long, and
 *  is asked once for where the bucket is.
 *  @throws {UserError} when the bucket takes what it should refuse, or its addresses do not work.
 */
export async function s3Direct(client: S3Client, place: S3Place): Promise<DirectTransfer> {
  const sign = await signer(client, place)
  await probe(client, place, sign)
  return {
    maximumBytes,
    toRead: (blob) => sign('GET', keyOf(blob), {}),
    toWrite: (blob, bytes) => sign('PUT', keyOf(blob), putHeaders(blob, bytes)),
  }
}

/** The key of a blob, after the prefix. */
export function keyOf(blob: Digest): string {
  return `${blob.slice(0, 2)}/${blob}`
}

type Sign = (method: 'GET' | 'PUT', key: string, headers: Readonly<Record<string, string>>) => Promise<DirectRequest>

async function signer(client: S3Client, { bucket, prefix }: S3Place): Promise<Sign> {
  const root = new URL(await getSignedUrl(client, new GetObjectCommand({ Bucket: bucket, Key: `${prefix}x` })))
  const folder = root.pathname.slice(0, -1)
  const { credentials, region, sha256 } = client.config
  const presigner = new S3RequestPresigner({ credentials, region, sha256 })
  const unhoistableHeaders = new Set(['x-amz-checksum-sha256'])
  return async (method, key, headers) => {
    const path = folder + key
    const { protocol, hostname } = root
    const request = { method, protocol, hostname, path, query: {}, headers: { ...headers, host: root.host } }
    const { query = {} } = await presigner.presign(request, { expiresIn, unhoistableHeaders })
    return { url: `${root.origin}${path}?${new URLSearchParams(query as Record<string, string>)}`, headers }
  }
}

function putHeaders(sha256: string, bytes: number): Record<string, string> {
  return {
    'content-length': String(bytes),
    'if-none-match': '*',
    'x-amz-checksum-sha256': Buffer.from(sha256, 'hex').toString('base64'),
  }
}

/** @throws {UserError} */
async function probe(client: S3Client, { bucket, prefix, name }: S3Place, sign: Sign): Promise<void> {
  const [good, bad] = [`probe-${randomUUID()}`, `probe-${randomUUID()}`]
  const put = async (key: string, content: string, said = content) => {
    const digest = createHash('sha256').update(said).digest('hex')
    const { url, headers } = await sign('PUT', key, putHeaders(digest, said.length))
    const response = await fetch(url, { method: 'PUT', headers, body: content })
    await response.arrayBuffer()
    return response.status
  }
  try {
    if ((await put(good, 'right')) !== 200) throw new UserError(`${name} does not take what is put by a signed address`)
    if ((await put(good, 'right')) !== 412) throw new UserError(`${name} takes a second value in place of the first`)
    if ((await put(bad, 'wrong', 'right')) < 400)
      throw new UserError(`${name} does not check the SHA-256 of what is put`)
  } finally {
    for (const key of [good, bad]) {
      await client.send(new DeleteObjectCommand({ Bucket: bucket, Key: prefix + key })).catch(() => undefined)
    }
  }
}
