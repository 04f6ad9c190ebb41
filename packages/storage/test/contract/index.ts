import { createHash, randomBytes } from 'node:crypto'
import type { Readable } from 'node:stream'
import type { Digest } from '@isthmus/dataflow'
import { describe, expect, it } from 'vitest'
import { type BlobStorage, BlobTooLargeError, WrongContentError } from '../../src/index.ts'

const chunkBytes = 65_536

/** What every storage of blobs must do.
 *
 *  @param make An empty one; what it needs ends with the test.
 *  @param largeBytes Of a blob that is written in more than one way's worth of parts.
 *  @param isDirect Whether others can move blobs by themselves.
 */
export function storageContract(
  name: string,
  make: () => Promise<BlobStorage>,
  { largeBytes = 300_000, isDirect = false } = {},
): void {
  describe(`${name} keeps the contract of a storage`, () => {
    it.each([0, 1, 1000, largeBytes])('gives back %i bytes as they were, or a part of them', async (bytes) => {
      const storage = await make()
      const content = randomBytes(bytes)
      const blob = digestOf(content)
      expect(await storage.size(blob)).toBeUndefined()
      expect(await storage.missing([blob])).toEqual([blob])
      expect(await storage.write(blob, chunks(content))).toBe(true)
      expect(await storage.size(blob)).toBe(bytes)
      expect(await storage.missing([blob, digestOf('other')])).toEqual([digestOf('other')])
      expect((await read(await storage.read(blob))).equals(content)).toBe(true)
      if (bytes < 2) return
      const range = { start: 1, end: bytes - 2 }
      expect((await read(await storage.read(blob, range))).equals(content.subarray(1, bytes - 1))).toBe(true)
    })

    it('takes a blob once, and lists what it has', async () => {
      const storage = await make()
      const blobs = ['a', 'bb', 'ccc']
      for (const text of blobs) expect(await storage.write(digestOf(text), chunks(Buffer.from(text)))).toBe(true)
      expect(await storage.write(digestOf('bb'), chunks(Buffer.from('bb')))).toBe(false)
      const listed: [string, number][] = []
      for await (const { digest, bytes } of storage.list()) listed.push([digest, bytes])
      expect(listed.sort()).toEqual(blobs.map((text) => [digestOf(text), text.length]).sort())
    })

    it('takes the same blob from several at once', async () => {
      const storage = await make()
      const content = randomBytes(largeBytes)
      const blob = digestOf(content)
      const taken = await Promise.all([1, 2, 3].map(() => storage.write(blob, chunks(content))))
      expect(taken.filter(Boolean).length).toBeGreaterThanOrEqual(1)
      expect((await read(await storage.read(blob))).equals(content)).toBe(true)
    })

    it.each([10, largeBytes])('refuses %i bytes that are not what their digest says, and keeps none', async (bytes) => {
      const storage = await make()
      const blob = digestOf('something else')
      await expect(storage.write(blob, chunks(randomBytes(bytes)))).rejects.toThrow(WrongContentError)
      await isEmpty(storage, blob)
    })

    it('refuses more bytes than it is told to take, and keeps none', async () => {
      const storage = await make()
      const content = randomBytes(largeBytes)
      const blob = digestOf(content)
      const written = storage.write(blob, chunks(content), { maximumBytes: largeBytes - 1 })
      await expect(written).rejects.toThrow(BlobTooLargeError)
      await isEmpty(storage, blob)
      expect(await storage.write(blob, chunks(content), { maximumBytes: largeBytes })).toBe(true)
    })

    it('keeps nothing of content that breaks off', async () => {
      const storage = await make()
      const content = randomBytes(largeBytes)
      const blob = digestOf(content)
      const broken = async function* () {
        yield* chunks(content.subarray(0, largeBytes / 2))
        throw new Error('cut off')
      }
      await expect(storage.write(blob, broken())).rejects.toThrow('cut off')
      await isEmpty(storage, blob)
      expect(await storage.write(blob, chunks(content))).toBe(true)
    })

    it('has no content of a blob that is not there', async () => {
      const storage = await make()
      const content = async () => read(await storage.read(digestOf('missing')))
      await expect(content()).rejects.toThrow()
    })

    it(`has ${isDirect ? '' : 'no '}addresses for others`, async () => {
      expect((await make()).direct !== undefined).toBe(isDirect)
    })
    if (isDirect) directContract(make)
  })
}

function directContract(make: () => Promise<BlobStorage>): void {
  const open = async () => {
    const storage = await make()
    const direct = await storage.direct!()
    const put = async (blob: Digest, content: Buffer, bytes = content.length) => {
      const { url, headers } = await direct.toWrite(blob, bytes)
      return (await fetch(url, { method: 'PUT', headers, body: new Uint8Array(content) })).status
    }
    return { storage, direct, put }
  }

  it('takes a blob by an address as by itself, once', async () => {
    const { storage, put } = await open()
    for (const content of [randomBytes(100_000), Buffer.alloc(0)]) {
      const blob = digestOf(content)
      expect(await put(blob, content)).toBe(200)
      expect(await put(blob, content)).toBe(412)
      expect(await storage.write(blob, chunks(content))).toBe(false)
      expect(await storage.missing([blob])).toEqual([])
      expect((await read(await storage.read(blob))).equals(content)).toBe(true)
    }
  })

  it('takes a blob of one of several who put it at once by addresses', async () => {
    const { put } = await open()
    const content = randomBytes(10_000)
    const statuses = await Promise.all([1, 2, 3].map(() => put(digestOf(content), content)))
    expect(statuses.sort()).toEqual([200, 412, 412])
  })

  it('refuses by an address what is not its blob, and keeps none', async () => {
    const { storage, put } = await open()
    const blob = digestOf('something else')
    expect(await put(blob, randomBytes(14))).toBe(400)
    await isEmpty(storage, blob)
  })

  it('gives a blob by an address, whole or from some byte on', async () => {
    const { storage, direct } = await open()
    const content = randomBytes(100_000)
    const blob = digestOf(content)
    const { url, headers } = await direct.toRead(blob)
    expect((await fetch(url, { headers })).status).toBe(404)
    await storage.write(blob, chunks(content))
    const whole = await fetch(url, { headers })
    expect(Buffer.from(await whole.arrayBuffer()).equals(content)).toBe(true)
    const rest = await fetch(url, { headers: { ...headers, range: 'bytes=90000-' } })
    expect([rest.status, Buffer.from(await rest.arrayBuffer()).equals(content.subarray(90_000))]).toEqual([206, true])
  })
}

async function isEmpty(storage: BlobStorage, blob: Digest): Promise<void> {
  expect(await storage.size(blob)).toBeUndefined()
  for await (const { digest } of storage.list()) throw new Error(`${digest} was kept`)
}

function digestOf(content: Uint8Array | string): Digest {
  return createHash('sha256').update(content).digest('hex') as Digest
}

async function* chunks(content: Uint8Array): AsyncIterable<Uint8Array> {
  for (let start = 0; start < content.length; start += chunkBytes) yield content.subarray(start, start + chunkBytes)
}

async function read(stream: Readable): Promise<Buffer> {
  const parts: Buffer[] = []
  for await (const part of stream) parts.push(part as Buffer)
  return Buffer.concat(parts)
}
