import { readdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { ResultRows } from '@isthmus/results'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { Delivery, Outbox, ServerClient, ServerUnavailableError, sendWaiting, splitRows } from '../src/index.ts'
import { computed, temporaryFolder } from './cached-graph.ts'
import { loopbackServer } from './loopback-server.ts'

const isthmus = '0.0.0'

const studyRun = {
  ...{ study: 's', run: 'r', startedAt: new Date(0).toISOString(), finishedAt: null, settings: {} },
  ...{ nodesRan: 1, nodesCached: 0, nodesFailed: 0, seconds: null, version: isthmus },
}

/** A run with points of a curve, one of whose losses JSON has no number for. */
function rows(points: number): ResultRows {
  const place = { study: 's', run: 'r', variant: '', settings: {}, pair: 'A|B', modelA: 'A', modelB: 'B' }
  const curvePoints = Array.from({ length: points }, (_, i) => ({
    ...place,
    ...{ method: 'vanilla', lam: i / points, loss: i === 0 ? Number.POSITIVE_INFINITY : i, perplexity: Math.exp(i) },
    ...{ positions: 1, digest: '0' },
  }))
  return { studyRuns: [studyRun], curvePoints }
}

async function destination() {
  const server = await loopbackServer()
  const home = temporaryFolder()
  const client = new ServerClient({ url: server.url, isthmus, tries: 1 })
  return { server, client, outbox: new Outbox(home, server.url) }
}

const waitingFiles = (outbox: Outbox) => readdir(outbox.directory).catch(() => [])

describe('a delivery', () => {
  it('gives the server records and rows, and leaves nothing to be sent', async () => {
    const { server, client, outbox } = await destination()
    const { cache, keys } = await computed(['one', 'three'])
    const delivery = new Delivery({ server: client, outbox, cache, run: 'r' })
    for (const key of keys) delivery.add(key)
    delivery.addRows(rows(3))
    expect(await delivery.close()).toEqual({ records: 4, blobs: 2, disagreements: [], unavailable: undefined })
    expect(server.actions.size).toBe(4)
    expect(server.rows).toEqual([rows(3)])
    expect(await waitingFiles(outbox)).toEqual([])
  })

  it('leaves in the outbox what a server that is away does not take, and sends it later', async () => {
    const { server, client, outbox } = await destination()
    const { cache, keys } = await computed(['one', 'three'])
    server.fault = () => 'cut'
    const delivery = new Delivery({ server: client, outbox, cache, run: 'r', intervalSeconds: 0.01 })
    for (const key of keys) delivery.add(key)
    delivery.addRows(rows(2))
    await new Promise((resolve) => setTimeout(resolve, 100))
    delivery.addRows(rows(3))
    expect((await delivery.close()).unavailable).toBeInstanceOf(ServerUnavailableError)
    expect((await waitingFiles(outbox)).sort()).toEqual(['r.keys', 'r.rows.json'])

    await expect(sendWaiting({ server: client, outbox, cache })).rejects.toThrow(ServerUnavailableError)
    server.fault = () => undefined
    const sent = await sendWaiting({ server: client, outbox, cache })
    expect(sent).toEqual({ records: 4, blobs: 2, bundles: 1, disagreements: [], notices: [] })
    expect(server.rows).toEqual([rows(3)])
    expect(await waitingFiles(outbox)).toEqual([])
    expect(await sendWaiting({ server: client, outbox, cache })).toMatchObject({ records: 0, bundles: 0 })
  })

  it('ends with the refusal of a server that does not let it write, and keeps what was not taken', async () => {
    const { server, client, outbox } = await destination()
    server.token = 'right'
    const { cache, keys } = await computed(['one'])
    const delivery = new Delivery({ server: client, outbox, cache, run: 'r' })
    for (const key of keys) delivery.add(key)
    await expect(delivery.close()).rejects.toThrow(/ISTHMUS_TOKEN/)
    expect(await waitingFiles(outbox)).toEqual(['r.keys'])
  })

  it('loses nothing and doubles nothing, whatever is cut off', async () => {
    const { cache, keys } = await computed(['a', 'bb', 'ccc', 'dddd'])
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.constantFrom('cut', 'unavailable', undefined), { maxLength: 25 }),
        async (faults) => {
          const { server, client, outbox } = await destination()
          const left = [...faults]
          server.fault = () => left.shift()
          const delivery = new Delivery({ server: client, outbox, cache, run: 'r' })
          for (const key of keys) delivery.add(key)
          delivery.addRows(rows(4))
          let { unavailable } = await delivery.close()
          while (unavailable !== undefined) {
            unavailable = await sendWaiting({ server: client, outbox, cache }).then(
              () => undefined,
              (error: ServerUnavailableError) => error,
            )
          }
          expect([...server.actions.keys()].sort()).toEqual([...keys].sort())
          expect(server.rows.at(-1)).toEqual(rows(4))
          expect(await waitingFiles(outbox)).toEqual([])
        },
      ),
      { numRuns: 40 },
    )
  })

  it('moves aside rows that it cannot read, and sends the rest', async () => {
    const { client, outbox } = await destination()
    const { cache } = await computed(['one'])
    await outbox.putRows('good', rows(1))
    await writeFile(join(outbox.directory, 'bad.rows.json'), '{"schemaVersion":1,"rows":{}}')
    const { bundles, notices } = await sendWaiting({ server: client, outbox, cache })
    expect(bundles).toBe(1)
    expect(notices).toEqual([expect.stringMatching(/bad\.rows\.json was moved aside.*schema version 1/)])
  })
})

describe('splitRows', () => {
  it('gives each bundle the runs that its rows belong to, and every row once, in order', () => {
    const property = fc.property(fc.nat({ max: 30 }), fc.integer({ min: 1, max: 8 }), (points, size) => {
      const parts = [...splitRows(rows(points), size)]
      expect(parts.flatMap(({ curvePoints = [] }) => curvePoints)).toEqual(rows(points).curvePoints)
      for (const { studyRuns, curvePoints = [] } of parts) {
        expect(studyRuns).toEqual([studyRun])
        expect(curvePoints.length).toBeLessThanOrEqual(size)
      }
    })
    expect(() => fc.assert(property)).not.toThrow()
  })
})
