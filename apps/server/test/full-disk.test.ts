import { randomBytes } from 'node:crypto'
import { mkdirSync, readdirSync, renameSync, statfsSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { openCache, verifyCache } from '@isthmus/dataflow'
import { ServerClient, ServerUnavailableError } from '@isthmus/remote'
import { encodeRows } from '@isthmus/results'
import { describe, expect, it } from 'vitest'
import { requestCopy } from '../src/index.ts'
import { digestOf, record, rows, temporaryFolder, version } from './lab.ts'
import { canHaveDisk, type SmallLab, serveSmallDisk } from './small-disk.ts'

interface Sent {
  readonly method: string
  readonly path: string
  readonly body: string | Uint8Array
}

const blob = (content: Uint8Array): Sent => ({ method: 'PUT', path: `/v1/blobs/${digestOf(content)}`, body: content })
const action = (seed: number): Sent => {
  const given = record(seed, {}, { seed })
  return { method: 'PUT', path: `/v1/actions/${given.key}`, body: JSON.stringify({ record: given, isthmus: version }) }
}
const results = (run: string, points: number): Sent => ({
  ...{ method: 'POST', path: '/v1/rows', body: encodeRows(rows('s', points, { run })) },
})
const note = (text: string): Sent => ({
  ...{ method: 'POST', path: '/v1/notes', body: JSON.stringify({ subject: 'study:s', text }) },
})

async function send({ url }: SmallLab, { method, path, body }: Sent): Promise<{ status: number; text: string }> {
  const headers = typeof body === 'string' ? { 'content-type': 'application/json' } : {}
  const response = await fetch(url + path, { method, headers, body: body as string })
  return { status: response.status, text: await response.text() }
}

/** Send a blob without saying how long it is. */
async function stream({ url }: SmallLab, content: Uint8Array): Promise<{ status: number; text: string }> {
  const body = new ReadableStream({
    start(controller) {
      for (let start = 0; start < content.length; start += 50_000)
        controller.enqueue(content.subarray(start, start + 50_000))
      controller.close()
    },
  })
  const path = `${url}/v1/blobs/${digestOf(content)}`
  const response = await fetch(path, { method: 'PUT', body, duplex: 'half' } as RequestInit)
  return { status: response.status, text: await response.text() }
}

async function query({ url }: SmallLab, sql: string): Promise<{ status: number; rows: unknown[][]; asOf: string }> {
  const headers = { 'content-type': 'application/json' }
  const response = await fetch(`${url}/v1/sql`, { method: 'POST', headers, body: JSON.stringify({ sql }) })
  return { status: response.status, ...((await response.json()) as { rows: unknown[][]; asOf: string }) }
}

const countsOf = async (lab: SmallLab) =>
  (
    await query(
      lab,
      'select (select count(*) from curve_point), (select count(*) from lab.note), (select count(*) from lab.action_origin)',
    )
  ).rows[0]
const full = { status: 507, text: expect.stringContaining('the disk of the server is full') }
const megabyte = 2 ** 20
const patience = { timeout: 60_000, interval: 200 }

describe.skipIf(!canHaveDisk)('on a full disk (needs a namespace of mounts: unshare --user --mount)', () => {
  it('takes what there is room for, refuses the rest in one sentence, and takes that when there is room', async () => {
    const lab = await serveSmallDisk(64 * megabyte, 0)
    expect(await send(lab, results('before', 10))).toMatchObject({ status: 200 })
    expect(await countsOf(lab)).toEqual([10, 0, 0])
    const rooms = [0, 4096, 60_000, 500_000, megabyte, 4 * megabyte]
    const tried: Sent[] = []
    const accepted = new Set<Sent>()
    for (const [index, room] of rooms.entries()) {
      lab.fill(room)
      const wanted = [
        results(`small ${index}`, 5),
        results(`large ${index}`, 2000),
        action(index),
        note(`note ${index}`),
        blob(randomBytes(3 * megabyte)),
        blob(randomBytes(50_000)),
      ]
      for (const sent of wanted) {
        const { status, text } = await send(lab, sent)
        if (status === 200 || status === 201) accepted.add(sent)
        else expect({ status, text }, `${sent.path} with room for ${room}`).toEqual(full)
      }
      tried.push(...wanted)
      // What reads goes on with what it had.
      expect((await query(lab, 'select count(*) from curve_point')).status).toBe(200)
      expect((await fetch(`${lab.url}/healthz`)).status).toBe(200)
      lab.empty()
    }
    expect(accepted.size).toBeGreaterThan(5)
    expect(accepted.size).toBeLessThan(tried.length - 5)
    const points = (sent: Iterable<Sent>) =>
      [...sent].filter(({ path }) => path === '/v1/rows').map(({ body }) => JSON.parse(body as string).rows.curvePoints)
    const notes = (sent: Iterable<Sent>) => [...sent].filter(({ path }) => path === '/v1/notes')
    // Of the last moments there may be no snapshot yet.
    const counts = async () => (await countsOf(lab))!.slice(0, 2)
    await expect.poll(counts, patience).toEqual([10 + points(accepted).flat().length, notes(accepted).length])

    for (const sent of tried.filter((one) => !accepted.has(one))) {
      expect([200, 201], sent.path).toContain((await send(lab, sent)).status)
    }
    const all = [10 + points(tried).flat().length, notes(tried).length, rooms.length]
    await expect.poll(() => countsOf(lab), patience).toEqual(all)
    const cache = await openCache(join(lab.home, 'cache'))
    expect(await verifyCache(cache)).toMatchObject({ clean: true })
    expect([...cache.actions.records()]).toHaveLength(rooms.length)
    cache.close()
    expect(readdirSync(join(lab.home, 'cache', 'tmp'))).toEqual([])
    await lab.stop()
  })

  it('goes on when its database fails for good, as in the midst of a snapshot', async () => {
    const lab = await serveSmallDisk(32 * megabyte, 0)
    await send(lab, results('first', 1000))
    lab.fill(0)
    const none = await send(lab, { method: 'POST', path: '/v1/sql', body: '{"sql":"select 1"}' })
    expect(none).toEqual(full)
    lab.empty()
    const before = await query(lab, 'select count(*) from curve_point')
    expect(before.rows).toEqual([[1000]])
    await send(lab, results('second', 1000))
    mkdirSync(join(lab.home, 'spool'))
    const spooled = encodeRows(rows('s', 2000, { run: 'spooled' }))
    lab.fill(2 * spooled.length)
    writeFileSync(join(lab.home, 'spool', `${digestOf(spooled)}.json.tmp`), spooled)
    lab.fill(0)
    renameSync(
      join(lab.home, 'spool', `${digestOf(spooled)}.json.tmp`),
      join(lab.home, 'spool', `${digestOf(spooled)}.json`),
    )
    await sleep(1100)
    for (let time = 0; time < 3; time++) {
      expect(await query(lab, 'select count(*) from curve_point')).toEqual(before)
      expect(await send(lab, results('third', 1000))).toEqual(full)
    }
    await expect(requestCopy(lab.home)).rejects.toThrow(/could not copy its results: see in its log whether the disk/)
    lab.empty()
    expect(await send(lab, results('third', 1000))).toMatchObject({ status: 200 })
    await expect.poll(() => countsOf(lab), patience).toEqual([5000, 0, 0])
    expect(await lab.stop()).toContain('FATAL Error: Failed to create checkpoint')
  })

  it('is for a client as a server that is away: what was not taken waits', async () => {
    const lab = await serveSmallDisk(32 * megabyte, 0)
    const client = new ServerClient({ url: lab.url, isthmus: version, tries: 1 })
    const content = randomBytes(8 * megabyte)
    const path = join(temporaryFolder(), 'content')
    writeFileSync(path, content)
    lab.fill(0)
    await expect(client.sendRows(rows('s', 1000))).rejects.toThrow(ServerUnavailableError)
    await expect(client.publish(record(1))).rejects.toThrow(/cannot answer now: the disk of the server is full/)
    await expect(client.upload(digestOf(content), path)).rejects.toThrow(ServerUnavailableError)
    lab.empty()
    await client.sendRows(rows('s', 1000))
    expect(await client.publish(record(1))).toBe(true)
    await client.upload(digestOf(content), path)
    expect(await client.missing([digestOf(content)])).toEqual([])
    await lab.stop()
  })

  it('spares a part of it for results, whatever a blob says of its size', async () => {
    const lab = await serveSmallDisk(32 * megabyte, 8 * megabyte)
    lab.fill(12 * megabyte)
    const content = randomBytes(7 * megabyte)
    expect(await send(lab, blob(content))).toEqual(full)
    expect(await stream(lab, content)).toEqual(full)
    const { bavail, bsize } = statfsSync(lab.home)
    expect(bavail * bsize).toBeGreaterThan(11 * megabyte)
    expect(await send(lab, results('r', 10))).toMatchObject({ status: 200 })
    lab.empty()
    expect(await stream(lab, content)).toMatchObject({ status: 201 })
    expect(await send(lab, blob(content))).toMatchObject({ status: 200 })
    await lab.stop()
  })
})
