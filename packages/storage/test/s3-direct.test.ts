import { createHash, randomBytes } from 'node:crypto'
import { connect } from 'node:net'
import type { Digest } from '@isthmus/dataflow'
import { describe, expect, it } from 'vitest'
import { s3Storage } from '../src/index.ts'
import { type LoopbackS3, loopbackCredentials } from './loopback-s3.ts'
import { temporaryS3 } from './temporary-s3.ts'

const digestOf = (content: Uint8Array | string) => createHash('sha256').update(content).digest('hex') as Digest

/** @param prefix With what has to be escaped in a path. */
async function open(s3: LoopbackS3, prefix = 'a team’s/blobs + more/') {
  const client = { endpoint: s3.endpoint, region: 'eu-central-1', credentials: loopbackCredentials }
  const storage = await s3Storage({ bucket: 'lab', prefix, client: { ...client, forcePathStyle: true } })
  return storage.direct!()
}

describe('an address of a bucket', () => {
  it('takes nothing else than the blob that it is for', async () => {
    const s3 = await temporaryS3()
    const direct = await open(s3)
    const content = randomBytes(1000)
    const blob = digestOf(content)
    const { url, headers } = await direct.toWrite(blob, content.length)
    const other = randomBytes(1000)
    const statuses = []
    for (const [changed, body] of [
      [headers, other],
      [{ ...headers, 'x-amz-checksum-sha256': createHash('sha256').update(other).digest('base64') }, other],
      [{ 'if-none-match': '*' }, other],
      [{ 'x-amz-checksum-sha256': headers['x-amz-checksum-sha256']! }, content],
      [{ ...headers, 'content-length': '999' }, content.subarray(1)],
      [{ ...headers, 'x-amz-acl': 'public-read' }, content],
    ] as const) {
      statuses.push((await fetch(url, { method: 'PUT', headers: changed, body: body })).status)
    }
    expect(statuses).toEqual([400, 403, 403, 403, 403, 403])
    expect((await fetch(url)).status).toBe(403)
    const elsewhere = url.replaceAll(blob, digestOf(other))
    expect((await fetch(elsewhere, { method: 'PUT', headers, body: content })).status).toBe(403)
    expect([...s3.objects]).toEqual([])
  })

  it('is of no use after some minutes', async () => {
    const s3 = await temporaryS3()
    const direct = await open(s3)
    const blob = digestOf('content')
    const [read, write] = [await direct.toRead(blob), await direct.toWrite(blob, 7)]
    s3.secondsAhead = 3600
    expect((await fetch(read.url)).status).toBe(403)
    expect((await fetch(write.url, { method: 'PUT', headers: write.headers, body: 'content' })).status).toBe(403)
    expect(s3.objects.size).toBe(0)
  })

  it('leaves nothing of an upload that is cut off', async () => {
    const s3 = await temporaryS3()
    const direct = await open(s3)
    const content = randomBytes(1000)
    const { url, headers } = await direct.toWrite(digestOf(content), content.length)
    const { hostname, port, pathname, search, host } = new URL(url)
    const lines = Object.entries({ host, ...headers }).map(([name, value]) => `${name}: ${value}\r\n`)
    const socket = connect(Number(port), hostname)
    socket.write(`PUT ${pathname}${search} HTTP/1.1\r\n${lines.join('')}\r\n`)
    socket.write(content.subarray(0, 500), () => setTimeout(() => socket.destroy(), 50))
    await new Promise((closed) => socket.once('close', closed))
    expect(s3.objects.size).toBe(0)
    expect((await fetch(url, { method: 'PUT', headers, body: content })).status).toBe(200)
  })
})

describe('a bucket is not used past its server', () => {
  it('that does not check what it is given, and is left as it was', async () => {
    const s3 = await temporaryS3()
    s3.checksContent = false
    await expect(open(s3)).rejects.toThrow(/does not check the SHA-256/)
    expect(s3.objects.size).toBe(0)
  })

  it('and leaves nothing of its being tried', async () => {
    const s3 = await temporaryS3()
    await open(s3)
    expect(s3.requests.some((request) => request.startsWith('PUT'))).toBe(true)
    expect(s3.objects.size).toBe(0)
  })
})
