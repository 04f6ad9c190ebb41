import { readdirSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, it, onTestFinished } from 'vitest'
import {
  collectGarbage,
  type Executor,
  explain,
  inProcessExecutor,
  processPoolExecutor,
  run,
  verifyCache,
} from '../src/index.ts'
import { DirectoryTier } from './directory-tier.ts'
import { concatenate, dummyOperations, measure, writeText } from './dummy-operations.ts'
import { ofType, runDummies, temporaryCache, temporaryDirectory } from './temporary-cache.ts'
import { testProgram } from './test-program.ts'

const parts = ['left', 'right'].map((text) => writeText.node({}, { text }))
const joined = concatenate.node({ parts }, { separator: '-' })
const measured = measure.node({ of: joined }, {})

/** A cache that holds the parts and what is joined of them, as a tier. */
async function team() {
  const cache = await temporaryCache()
  const { result } = await runDummies(cache, [joined])
  const blob = result.artifact(joined).blobs.text!
  return { cache, blob, tier: new DirectoryTier(cache) }
}

describe('a cache with a tier', () => {
  it('takes what the tier has, asks for a level at once, and copies only the blobs that it needs', async () => {
    const { tier, blob } = await team()
    const cache = await temporaryCache(temporaryDirectory(), { tier })
    const { result } = await runDummies(cache, [measured])
    expect(result.counts).toMatchObject({ cached: 3, ran: 1 })
    expect(result.artifact(measured).value).toBe(10)
    expect(tier.asked.map(({ length }) => length)).toEqual([2, 1, 1])
    expect(tier.fetched).toEqual([blob])
    expect(await readFile(await result.artifact(joined).path('text'), 'utf8')).toBe('left-right')
    expect(await readFile(await result.artifact(parts[0]!).path('text'), 'utf8')).toBe('left')
    expect(tier.fetched).toHaveLength(2)
  })

  it('is planned with what the tier has', async () => {
    const { tier } = await team()
    const cache = await temporaryCache(temporaryDirectory(), { tier })
    const explanations = await explain([measured], { cache })
    expect(explanations.map(({ state }) => state)).toEqual(['cached', 'cached', 'cached', 'would run'])
    expect(tier.asked.map(({ length }) => length)).toEqual([2, 1, 1])
  })

  it('keeps as its own only what it has computed, and is sound without the tier', async () => {
    const { tier } = await team()
    const directory = temporaryDirectory()
    await runDummies(await temporaryCache(directory, { tier }), [measured])
    const alone = await temporaryCache(directory)
    expect([...alone.records()].map(({ operation }) => operation)).toEqual([measured.operation.id])
    expect(await verifyCache(alone)).toMatchObject({ clean: true })
    const { result } = await runDummies(alone, [measured])
    expect(result.counts).toMatchObject({ cached: 1, ran: 3 })
  })

  it('lets the processes of a pool read what was copied', async () => {
    const { tier } = await team()
    const cache = await temporaryCache(temporaryDirectory(), { tier })
    const executor = processPoolExecutor({
      workerModule: testProgram('worker'),
      size: 1,
      cacheDirectory: cache.directory,
      otherCaches: cache.others,
    })
    onTestFinished(() => executor.close())
    const { result } = await runDummies(cache, [measured], { executor })
    expect(result.artifact(measured).value).toBe(10)
  })

  it.each([
    ['other content', 'left-wrong'],
    ['nothing', new Error('gone')],
  ])('computes again a blob of which the tier gives %s', async (_, wrong) => {
    const { tier, blob } = await team()
    tier.wrong.set(blob, wrong)
    const cache = await temporaryCache(temporaryDirectory(), { tier })
    const { result, events } = await runDummies(cache, [measured])
    expect(result.artifact(measured).value).toBe(10)
    expect(ofType(events, 'corrupt').map(({ node, found }) => [node.label, found])).toEqual([
      ['dummy.concatenate', 'missing'],
    ])
    expect(result.counts).toMatchObject({ failed: 0 })
    expect(readdirSync(join(cache.directory, 'fetched/tmp'))).toEqual([])
  })

  it('copies a blob once for all jobs that need it at the same time', async () => {
    const { tier, blob } = await team()
    const cache = await temporaryCache(temporaryDirectory(), { tier })
    const users = ['a', 'b', 'c'].map((separator) => concatenate.node({ parts: [joined, joined] }, { separator }))
    const { result } = await runDummies(cache, users)
    expect(result.counts).toMatchObject({ ran: 3, failed: 0 })
    expect(tier.fetched).toEqual([blob])
  })

  it('loses with garbage only the copies of blobs, which are made anew where they are needed', async () => {
    const { tier, blob } = await team()
    const directory = temporaryDirectory()
    const cache = await temporaryCache(directory, { tier })
    await runDummies(cache, [measured])
    const young = await collectGarbage(cache)
    expect(young).toMatchObject({ records: 0, blobs: 0 })
    const old = await collectGarbage(cache, { graceMinutes: -1 })
    expect(old).toMatchObject({ records: 0, blobs: 1 })
    const again = await temporaryCache(directory, { tier })
    const { result } = await runDummies(again, [measure.node({ of: joined }, {}), joined])
    expect(result.counts).toMatchObject({ cached: 4, ran: 0 })
    expect(await readFile(await result.artifact(joined).path('text'), 'utf8')).toBe('left-right')
    expect(tier.fetched).toEqual([blob, blob])
  })

  it('ends when the tier throws, which is a bug of the tier', async () => {
    const { tier } = await team()
    const cache = await temporaryCache(temporaryDirectory(), {
      tier: { ...tier, name: 'broken', lookup: () => Promise.reject(new Error('a bug')), fetch: tier.fetch },
    })
    await expect(runDummies(cache, [measured])).rejects.toThrow('a bug')
  })
})

describe('a remote executor', () => {
  /** Runs jobs where the tier is, as workers elsewhere do. */
  async function remote(): Promise<{ tier: DirectoryTier; executor: Executor }> {
    const there = await temporaryCache()
    const tier = new DirectoryTier(there)
    const local = inProcessExecutor(dummyOperations, there)
    return { tier, executor: { slots: 4, isRemote: true, execute: local.execute, close: local.close } }
  }

  it('brings nothing here, and what it computed is read through the tier', async () => {
    const { tier, executor } = await remote()
    const cache = await temporaryCache(temporaryDirectory(), { tier })
    const { result } = await runDummies(cache, [measured], { executor })
    expect(result.counts).toMatchObject({ ran: 4 })
    expect(tier.fetched).toEqual([])
    expect([...cache.records()]).toEqual([])
    expect(await readFile(await result.artifact(joined).path('text'), 'utf8')).toBe('left-right')
  })

  it('needs a cache with a tier', async () => {
    const { executor } = await remote()
    await expect(run([measured], { cache: await temporaryCache(), executor })).rejects.toThrow('with one')
  })
})
