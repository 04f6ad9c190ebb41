import { existsSync, mkdirSync, utimesSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { cacheStats, collectGarbage, type Digest, verifyCache } from '../src/index.ts'
import { concatenate, constant, measure, writeText } from './dummy-operations.ts'
import { ofType, runDummies, temporaryCache } from './temporary-cache.ts'

const parts = ['left', 'right'].map((text) => writeText.node({}, { text }))
const joined = concatenate.node({ parts }, { separator: '-' })

async function filledCache() {
  const cache = await temporaryCache()
  const { result, events } = await runDummies(cache, [joined, constant.node({}, { value: 1 })])
  const keys = new Map(ofType(events, 'finished').map(({ node, key }) => [node, key]))
  const blobs = [...parts, joined].map((node) => result.artifact(node).blobs.text!)
  const age = (blob: Digest) => utimesSync(cache.blobs.locate(blob), 1, 1)
  return { cache, keys, blobs, age }
}

describe('cacheStats', () => {
  it('counts records, blobs and bytes by operation, the largest first', async () => {
    const { cache } = await filledCache()
    const stats = await cacheStats(cache)
    expect(stats).toMatchObject({ records: 4, blobs: 3, bytes: 19, orphanedBlobs: 0, orphanedBytes: 0 })
    expect(stats.operations.map(({ operation, records, blobs, bytes }) => [operation, records, blobs, bytes])).toEqual([
      ['dummy.concatenate', 1, 1, 10],
      ['dummy.writeText', 2, 2, 9],
      ['dummy.constant', 1, 0, 0],
    ])
  })
})

describe('collectGarbage', () => {
  it('removes records that are not to be kept and what only they name, after a dry run that says the same', async () => {
    const { cache, keys, blobs, age } = await filledCache()
    for (const blob of blobs) age(blob)
    await cache.uses.record({ name: 'join', tag: null, at: new Date().toISOString(), keys: [keys.get(joined)!] })
    const options = { names: ['join'], graceMinutes: 0 }
    const dry = await collectGarbage(cache, { ...options, dryRun: true })
    expect(dry).toEqual({ records: 3, blobs: 2, bytes: 9, abandoned: 0, keptRecords: 1, keptBlobs: 1, keptBytes: 10 })
    expect(blobs.map((blob) => existsSync(cache.blobs.locate(blob)))).toEqual([true, true, true])
    expect(await collectGarbage(cache, options)).toEqual(dry)
    expect(blobs.map((blob) => existsSync(cache.blobs.locate(blob)))).toEqual([false, false, true])
    const reopened = await temporaryCache(cache.directory)
    expect(await cacheStats(reopened)).toMatchObject({ records: 1, blobs: 1 })
    expect((await verifyCache(reopened)).clean).toBe(true)
    expect((await runDummies(reopened, [joined])).result.counts).toMatchObject({ ran: 2, cached: 1 })
  })

  it('keeps what is recorded when it is told nothing, and spares what is young', async () => {
    const { cache, blobs, age } = await filledCache()
    const [young, old] = ['a'.repeat(64), 'b'.repeat(64)] as [Digest, Digest]
    for (const blob of [young, old]) {
      mkdirSync(join(cache.directory, 'blobs', blob.slice(0, 2)), { recursive: true })
      writeFileSync(cache.blobs.locate(blob), 'orphan')
    }
    for (const blob of [...blobs, old]) age(blob)
    expect(await cacheStats(cache)).toMatchObject({ orphanedBlobs: 2, orphanedBytes: 12 })
    expect(await collectGarbage(cache)).toMatchObject({ records: 0, blobs: 1, bytes: 6, abandoned: 0, keptRecords: 4 })
    expect([young, old].map((blob) => existsSync(cache.blobs.locate(blob)))).toEqual([true, false])
    expect((await runDummies(cache, [joined])).result.counts).toMatchObject({ ran: 0, cached: 3 })
  })

  it('removes what is older than a number of days', async () => {
    const { cache } = await filledCache()
    expect(await collectGarbage(cache, { olderThanDays: 1, graceMinutes: 0 })).toMatchObject({ records: 0 })
    expect(await collectGarbage(cache, { olderThanDays: -1 })).toMatchObject({
      records: 0,
      abandoned: 0,
      keptRecords: 4,
    })
    expect(await collectGarbage(cache, { olderThanDays: -1, graceMinutes: -1 })).toMatchObject({ records: 4, blobs: 3 })
  })

  it('is safe beside a run, which computes again what it misses', async () => {
    const { cache, blobs, age } = await filledCache()
    for (const blob of blobs) age(blob)
    const other = await temporaryCache(cache.directory)
    const target = measure.node({ of: joined }, {})
    let collected = false
    const { result } = await runDummies(other, [target], {
      onEvent: ({ type }) => {
        if (type === 'started' && !collected) {
          collected = true
          void collectGarbage(cache, { olderThanDays: -1, graceMinutes: 0 })
        }
      },
    })
    expect(result.artifact(target).value).toBe(10)
  })

  it('keeps what was used of late, however long ago it was made', async () => {
    const { cache, keys } = await filledCache()
    const [early, late] = ['2020-01-01T00:00:00.000Z', new Date(Date.now() + 60_000).toISOString()]
    await cache.uses.record({ name: 'early', tag: null, at: early, keys: [...keys.values()] })
    await cache.uses.record({ name: 'late', tag: null, at: late, keys: [keys.get(joined)!] })
    const options = { olderThanDays: -0.0001, graceMinutes: -1 }
    expect(await collectGarbage(cache, { ...options, dryRun: true })).toMatchObject({ records: 3, keptRecords: 1 })
    await cache.uses.record({ name: 'late', tag: null, at: early, keys: [...keys.values()] })
    expect(await collectGarbage(cache, options)).toMatchObject({ records: 4, keptRecords: 0 })
  })

  it('never removes what has a tag, until it is let go', async () => {
    const { cache, keys } = await filledCache()
    await cache.uses.record({ name: 'join', tag: 'paper', at: new Date().toISOString(), keys: [keys.get(joined)!] })
    const options = { olderThanDays: -1, graceMinutes: -1 }
    expect(await collectGarbage(cache, { ...options, maximumBytes: 0 })).toMatchObject({ records: 3, keptRecords: 1 })
    expect(await cache.uses.untag('paper')).toBe(1)
    expect(await collectGarbage(cache, options)).toMatchObject({ records: 1, keptRecords: 0 })
  })

  it('drops what was used least recently until the rest is small enough', async () => {
    const { cache, keys, blobs } = await filledCache()
    for (const [index, node] of [...parts, joined].entries()) {
      const at = new Date(Date.now() + 60_000 * index).toISOString()
      await cache.uses.record({ name: `use ${index}`, tag: null, at, keys: [keys.get(node)!] })
    }
    const limit = (maximumBytes: number) => collectGarbage(cache, { maximumBytes, graceMinutes: -1, dryRun: true })
    expect(await limit(19)).toMatchObject({ records: 0, keptBytes: 19 })
    expect(await limit(15)).toMatchObject({ keptBytes: 15, blobs: 1 })
    expect(await limit(14)).toMatchObject({ keptBytes: 10, blobs: 2 })
    expect(await collectGarbage(cache, { maximumBytes: 10, graceMinutes: -1 })).toMatchObject({ keptBytes: 10 })
    expect(blobs.map((blob) => existsSync(cache.blobs.locate(blob)))).toEqual([false, false, true])
  })

  it('refuses a name that nothing was run by, and a read-only cache', async () => {
    const { cache } = await filledCache()
    await cache.uses.record({ name: 'join', tag: null, at: new Date().toISOString(), keys: [] })
    await expect(collectGarbage(cache, { names: ['joyn'] })).rejects.toThrow(
      "The cache knows no run of 'joyn': there are runs of join; name one of these.",
    )
    const readOnly = await temporaryCache(cache.directory, { readOnly: true })
    await expect(collectGarbage(readOnly)).rejects.toThrow('was opened to be read only: open it for writing')
    expect(await collectGarbage(readOnly, { dryRun: true })).toMatchObject({ records: 0 })
  })
})
