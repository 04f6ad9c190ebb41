import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { canonicalDigest, type Digest } from '@isthmus/dataflow'
import { describe, expect, it } from 'vitest'
import { offlineTier, ServerClient, ServerUnavailableError, sendActions } from '../src/index.ts'
import { computed, temporaryFolder } from './cached-graph.ts'
import { loopbackServer } from './loopback-server.ts'

const isthmus = '0.0.0'

describe('a client', () => {
  it('gives records with their blobs once, and another takes them instead of computing', async () => {
    const server = await loopbackServer()
    const client = new ServerClient({ url: server.url, isthmus })
    const { cache, keys } = await computed(['one', 'three'])
    expect(await sendActions(client, cache, keys)).toEqual({ records: 4, blobs: 2, disagreements: [] })
    expect([...server.actions.keys()].sort()).toEqual([...keys].sort())
    expect(await sendActions(client, cache, keys)).toEqual({ records: 0, blobs: 0, disagreements: [] })
    const colleague = await computed(['one', 'three', 'two'], { tier: client })
    expect(colleague.counts).toMatchObject({ cached: 4, ran: 2 })
  })

  it('takes only results of those whom it trusts', async () => {
    const server = await loopbackServer()
    const { cache, keys } = await computed(['one'])
    await sendActions(new ServerClient({ url: server.url, isthmus }), cache, keys)
    const trusting = async (trust: readonly string[]) =>
      (await new ServerClient({ url: server.url, isthmus, trust }).lookup(keys)).size
    expect(await trusting(['tester'])).toBe(2)
    expect(await trusting(['somebody else'])).toBe(0)
  })

  it('says which keys have another value at the server, and leaves it there', async () => {
    const server = await loopbackServer()
    const client = new ServerClient({ url: server.url, isthmus })
    const { cache, keys } = await computed(['one'])
    const [record] = cache.actions.of(keys[1]!)
    await client.publish({ ...record!, output: { ...record!.output, digest: canonicalDigest('other'), value: 7 } })
    // The server’s own answer to which are missing would pass it over.
    await expect(client.publish(record!)).resolves.toBe(false)
    expect(server.actions.get(keys[1]!)!.record.output.value).toBe(7)
  })

  it('goes on with a blob where its transfer was cut off', async () => {
    const server = await loopbackServer()
    const content = Buffer.alloc(300_000, 'isthmus')
    const blob = 'a'.repeat(64) as Digest
    server.blobs.set(blob, content)
    server.cutBlobAfter = 100_000
    const path = join(temporaryFolder(), 'blob')
    await new ServerClient({ url: server.url, isthmus }).fetch(blob, path)
    expect((await readFile(path)).equals(content)).toBe(true)
    expect(server.requests.filter((request) => request.startsWith('GET'))).toHaveLength(2)
  })

  it.each(['cut', 'unavailable'] as const)('tries again what was %s, and does nothing twice', async (fault) => {
    const server = await loopbackServer()
    const failed = new Set<string>()
    server.fault = (request, when) => {
      if (when === 'before' || failed.has(request)) return undefined
      failed.add(request)
      return fault
    }
    const client = new ServerClient({ url: server.url, isthmus })
    const { cache, keys } = await computed(['one', 'three'])
    expect(await sendActions(client, cache, keys)).toMatchObject({ records: 4, disagreements: [] })
    expect(server.actions.size).toBe(4)
    expect(failed.size).toBeGreaterThan(5)
  })

  it('refuses an upload whose file has another content, as the server does', async () => {
    const server = await loopbackServer()
    const path = join(temporaryFolder(), 'blob')
    await writeFile(path, 'other')
    const upload = new ServerClient({ url: server.url, isthmus }).upload('b'.repeat(64) as Digest, path)
    await expect(upload).rejects.toThrow(/refused PUT .*other content/)
    expect(server.blobs.size).toBe(0)
  })

  it.each([
    ['no address', 'lab', /'lab' is no address of a server/],
    ['another protocol', 'redis://lab:6379', /is no address of a server/],
  ])('refuses %s', (_, url, message) => {
    expect(() => new ServerClient({ url, isthmus })).toThrow(message)
  })

  it('says what a token is for when it is not known', async () => {
    const server = await loopbackServer()
    server.token = 'right'
    const lookup = new ServerClient({ url: server.url, isthmus, token: 'wrong' }).lookup(['c'.repeat(64) as Digest])
    await expect(lookup).rejects.toThrow(/ISTHMUS_TOKEN/)
  })

  it('says that what answers is no server of ours', async () => {
    const server = await loopbackServer()
    const client = new ServerClient({ url: `${server.url}/elsewhere`, isthmus })
    await expect(client.whoami()).rejects.toThrow(/has no GET \/v1\/whoami/)
  })
})

describe('a tier that may be offline', () => {
  it('holds nothing while its server is away, says so once, and does not ask at once again', async () => {
    const server = await loopbackServer()
    const away: Error[] = []
    const client = new ServerClient({ url: server.url, isthmus, tries: 1 })
    server.fault = () => 'unavailable'
    const tier = offlineTier(client, (error) => away.push(error))
    const { counts } = await computed(['one', 'three'], { tier })
    expect(counts).toMatchObject({ ran: 4, failed: 0 })
    expect(away).toEqual([expect.any(ServerUnavailableError)])
    expect(server.requests).toHaveLength(1)
  })
})
