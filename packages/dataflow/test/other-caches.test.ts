import { chmodSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, it, onTestFinished } from 'vitest'
import { openCache, processPoolExecutor, verifyCache } from '../src/index.ts'
import { concatenate, measure, writeText } from './dummy-operations.ts'
import { ofType, runDummies, temporaryCache, temporaryDirectory } from './temporary-cache.ts'
import { testProgram } from './test-program.ts'

const parts = ['left', 'right'].map((text) => writeText.node({}, { text }))
const joined = concatenate.node({ parts }, { separator: '-' })
const measured = measure.node({ of: joined }, {})

/** A cache that holds the parts and what is joined of them. */
async function teamCache(): Promise<string> {
  const cache = await temporaryCache()
  await runDummies(cache, [joined])
  return cache.directory
}

/** Every file below a folder, with its size and time of change. */
function contents(directory: string): string[] {
  return readdirSync(directory, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map(({ parentPath, name }) => {
      const { size, mtimeMs } = statSync(join(parentPath, name))
      return `${join(parentPath, name)} ${size} ${mtimeMs}`
    })
    .sort()
}

describe('a cache beside another', () => {
  it('uses what the other holds where it lies, and keeps what is new', async () => {
    const team = await teamCache()
    const before = contents(team)
    const own = await temporaryCache(temporaryDirectory(), { others: [team] })
    const { result, events } = await runDummies(own, [measured])
    expect(result.counts).toMatchObject({ cached: 3, ran: 1 })
    expect(result.artifact(measured).value).toBe(10)
    expect(await readFile(await result.artifact(joined).path('text'), 'utf8')).toBe('left-right')
    expect(contents(team)).toEqual(before)

    const alone = await temporaryCache(own.directory)
    const keys = [...alone.actions.records()].map(({ key }) => key)
    expect(keys).toEqual(ofType(events, 'finished').flatMap(({ key, cached }) => (cached ? [] : [key])))
    expect((await verifyCache(alone)).clean).toBe(true)
  })

  it('lets the processes of a pool read what the other holds', async () => {
    const team = await teamCache()
    const own = await temporaryCache(temporaryDirectory(), { others: [team] })
    const executor = processPoolExecutor({
      workerModule: testProgram('worker'),
      size: 1,
      cacheDirectory: own.directory,
      otherCaches: own.others,
    })
    onTestFinished(() => executor.close())
    const { result } = await runDummies(own, [measured], { executor })
    expect(result.artifact(measured).value).toBe(10)
  })

  it('computes again what is damaged in the other, which it leaves as it is', async () => {
    const team = await temporaryCache(await teamCache())
    const { result: known } = await runDummies(team, [joined])
    const blob = team.blobs.locate(known.artifact(joined).blobs.text!)
    chmodSync(blob, 0o644)
    writeFileSync(blob, 'left-wrong')
    const own = await temporaryCache(temporaryDirectory(), { others: [team.directory] })
    const { result, events } = await runDummies(own, [measured])
    expect(result.artifact(measured).value).toBe(10)
    expect(ofType(events, 'corrupt').map(({ node, found }) => [node.label, found])).toEqual([
      ['dummy.concatenate', 'corrupt'],
    ])
    expect(await readFile(blob, 'utf8')).toBe('left-wrong')
    expect(await readFile(await result.artifact(joined).path('text'), 'utf8')).toBe('left-right')
  })

  it('computes what the other has lost', async () => {
    const team = await teamCache()
    const own = await temporaryCache(temporaryDirectory(), { others: [team] })
    rmSync(join(team, 'blobs'), { recursive: true })
    expect((await runDummies(own, [measured])).result.counts).toMatchObject({ ran: 4 })
  })

  it('says when the other is no cache', async () => {
    const nothing = temporaryDirectory()
    await expect(openCache(temporaryDirectory(), { others: [nothing] })).rejects.toThrow(
      `${nothing} holds no cache (there is no format.json): name the directory of a cache`,
    )
  })
})
