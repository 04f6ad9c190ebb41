import { randomBytes } from 'node:crypto'
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { Writable } from 'node:stream'
import type { Digest } from '@isthmus/dataflow'
import { ServerClient } from '@isthmus/remote'
import { type BlobStorage, type DirectRequest, s3Storage } from '@isthmus/storage'
import { type LoopbackS3, loopbackCredentials } from '@isthmus/storage/loopback-s3'
import { temporaryS3 } from '@isthmus/storage/temporary-s3'
import { pino } from 'pino'
import { describe, expect, it } from 'vitest'
import { digestOf, record, type TestLab, temporaryFolder, testLab, version } from './lab.ts'

async function bucket(s3: LoopbackS3): Promise<BlobStorage> {
  const client = { endpoint: s3.endpoint, region: 'us-east-1', credentials: loopbackCredentials }
  return s3Storage({ bucket: 'lab', client: { ...client, forcePathStyle: true, maxAttempts: 1 } })
}

/** The bucket, with something else about its addresses. */
function withAddresses(
  storage: BlobStorage,
  {
    maximumBytes,
    change = (request) => request,
  }: { maximumBytes?: number; change?: (request: DirectRequest) => DirectRequest },
): BlobStorage {
  return {
    ...storage,
    direct: async () => {
      const direct = await storage.direct!()
      return {
        maximumBytes: maximumBytes ?? direct.maximumBytes,
        toRead: async (blob) => change(await direct.toRead(blob)),
        toWrite: async (blob, bytes) => change(await direct.toWrite(blob, bytes)),
      }
    },
  }
}

function clientOf({ server, tokens }: TestLab, notices: string[] = []): ServerClient {
  const { write: token } = tokens
  const onNotice = (message: string) => notices.push(message)
  return new ServerClient({ url: server.url, isthmus: version, onNotice, ...(token === undefined ? {} : { token }) })
}

async function blobFile(bytes: number): Promise<{ content: Buffer; blob: Digest; path: string }> {
  const content = randomBytes(bytes)
  const path = join(temporaryFolder(), 'blob')
  await writeFile(path, content)
  return { content, blob: digestOf(content), path }
}

async function fetched(client: ServerClient, blob: Digest): Promise<Buffer> {
  const path = join(temporaryFolder(), 'fetched')
  await client.fetch(blob, path)
  return readFile(path)
}

/** Bytes of blobs that passed the server, and requests for how they can pass it by. */
async function passed(lab: TestLab) {
  const text = await (await lab.ask('GET', '/metrics')).text()
  const metric = (name: string) => Number(new RegExp(`^isthmus_${name} (\\d+)`, 'm').exec(text)?.[1] ?? 0)
  const requests = (route: string) => metric(`requests_total{method="POST",route="/v1/blobs/${route}",status="200"}`)
  return {
    ...{ received: metric('blob_bytes_received_total'), sent: metric('blob_bytes_sent_total') },
    ...{ downloads: requests('downloads'), uploads: requests('uploads') },
  }
}

describe('blobs of a server with a bucket', () => {
  it('go past it, and their record to it', async () => {
    const s3 = await temporaryS3()
    const lab = await testLab({ storage: await bucket(s3), withTokens: true })
    const client = clientOf(lab)
    const files = await Promise.all([0, 1, 100_000].map(blobFile))
    await Promise.all(files.map(({ blob, path }) => client.upload(blob, path)))
    await client.upload(files[1]!.blob, files[1]!.path)
    expect(s3.objects.size).toBe(3)
    const given = record(1, Object.fromEntries(files.map(({ blob }, index) => [String(index), blob])))
    expect(await client.publish(given)).toBe(true)
    const colleague = clientOf(lab)
    expect((await colleague.lookup([given.key])).get(given.key)).toEqual(given)
    const contents = await Promise.all(files.map(({ blob }) => fetched(colleague, blob)))
    expect(contents.every((content, index) => content.equals(files[index]!.content))).toBe(true)
    const { downloads, uploads, ...bytes } = await passed(lab)
    expect(bytes).toEqual({ received: 0, sent: 0 })
    // Those of one moment are asked for together.
    expect(downloads).toBeLessThanOrEqual(2)
    expect(uploads).toBeLessThanOrEqual(3)
  })

  it('are not taken with other content than they are called by', async () => {
    const s3 = await temporaryS3()
    const client = clientOf(await testLab({ storage: await bucket(s3) }))
    const { path } = await blobFile(100)
    await expect(client.upload(digestOf('other'), path)).rejects.toThrow(/refused the blob .*BadDigest/)
    expect(s3.objects.size).toBe(0)
  })

  it('go on where they were cut off', async () => {
    const s3 = await temporaryS3()
    const lab = await testLab({ storage: await bucket(s3) })
    const { blob, path, content } = await blobFile(300_000)
    await clientOf(lab).upload(blob, path)
    s3.cutAfter = 100_000
    expect((await fetched(clientOf(lab), blob)).equals(content)).toBe(true)
    expect(await passed(lab)).toMatchObject({ sent: 0, downloads: 2 })
  })

  it('that are not there are not to be had', async () => {
    const client = clientOf(await testLab({ storage: await bucket(await temporaryS3()) }))
    await expect(fetched(client, digestOf('nowhere'))).rejects.toThrow(/refused the blob .*NoSuchKey/)
  })
})

describe('blobs go through a server', () => {
  const elsewhere = (request: DirectRequest) => ({ ...request, url: request.url.replace(/:\d+\//, ':9/') })

  it.each([
    ['that the machine cannot reach', elsewhere, /cannot be reached.*through the server/],
    ['that refuses the machine', (one: DirectRequest) => ({ ...one, url: `${one.url}0` }), /refuses this machine/],
  ])('with a bucket %s, which is said once', async (_, change, notice) => {
    const s3 = await temporaryS3()
    const lab = await testLab({ storage: withAddresses(await bucket(s3), { change }) })
    const notices: string[] = []
    const client = clientOf(lab, notices)
    const files = await Promise.all([1000, 2000, 3000].map(blobFile))
    for (const { blob, path } of files) await client.upload(blob, path)
    for (const { blob, content } of files) expect((await fetched(client, blob)).equals(content)).toBe(true)
    expect(notices).toEqual([expect.stringMatching(notice)])
    expect(notices[0]).not.toContain('X-Amz')
    expect(await passed(lab)).toEqual({ received: 6000, sent: 6000, uploads: 1, downloads: 0 })
  })

  it('that are larger than its bucket takes at once', async () => {
    const storage = withAddresses(await bucket(await temporaryS3()), { maximumBytes: 1000 })
    const lab = await testLab({ storage })
    for (const { blob, path } of await Promise.all([1000, 1001].map(blobFile))) await clientOf(lab).upload(blob, path)
    expect(await passed(lab)).toMatchObject({ received: 1001 })
  })

  it('which refuses those that are larger than it takes', async () => {
    const s3 = await temporaryS3()
    const lab = await testLab({ storage: await bucket(s3), maximumBlobBytes: 1000 })
    const { blob, path } = await blobFile(1001)
    await expect(clientOf(lab).upload(blob, path)).rejects.toThrow(/refused PUT .*1000 bytes/)
    expect(s3.objects.size).toBe(0)
  })

  it('whose bucket does not check them, which it says', async () => {
    const s3 = await temporaryS3()
    s3.checksContent = false
    const lines: string[] = []
    const log = pino(
      { level: 'debug' },
      new Writable({ write: (line, _, done) => done(void lines.push(String(line))) }),
    )
    const lab = await testLab({ storage: await bucket(s3), log })
    const { blob, path } = await blobFile(1000)
    await clientOf(lab).upload(blob, path)
    expect(await passed(lab)).toMatchObject({ received: 1000 })
    expect(lines.filter((line) => line.includes('does not check the SHA-256'))).toHaveLength(1)
  })

  it('that is told to', async () => {
    const lab = await testLab({ storage: await bucket(await temporaryS3()), directBlobs: false })
    const { blob, path } = await blobFile(1000)
    await clientOf(lab).upload(blob, path)
    expect(await passed(lab)).toMatchObject({ received: 1000 })
  })
})

it('writes no address of a bucket into its log', async () => {
  const lines: string[] = []
  const log = pino({ level: 'trace' }, new Writable({ write: (line, _, done) => done(void lines.push(String(line))) }))
  const lab = await testLab({ storage: await bucket(await temporaryS3()), log })
  const { blob, path } = await blobFile(1000)
  await clientOf(lab).upload(blob, path)
  await fetched(clientOf(lab), blob)
  expect(lines.join('')).toContain('/v1/blobs/downloads')
  expect(lines.join('')).not.toMatch(/X-Amz/i)
})
