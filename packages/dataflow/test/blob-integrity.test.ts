import { appendFileSync, chmodSync, existsSync, readdirSync, rmSync, utimesSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { UserError } from '@isthmus/tensor'
import { describe, expect, it } from 'vitest'
import {
  type Cache,
  CorruptBlobError,
  type Digest,
  defineOperation,
  inProcessExecutor,
  openSource,
  verifyCache,
} from '../src/index.ts'
import { concatenate, constant, dummyOperations, measure, writeText } from './dummy-operations.ts'
import { ofType, runDummies, temporaryCache, temporaryDirectory } from './temporary-cache.ts'

const parts = ['left', 'right'].map((text) => writeText.node({}, { text }))
const joined = concatenate.node({ parts }, { separator: ' and ' })
const length = (unit: string) => measure.node({ of: joined }, { unit })

/** A cache in which `joined` has been computed, opened anew, and the blobs by the node that made them. */
async function computedCache(): Promise<{ cache: Cache; blobs: Record<'left' | 'right' | 'joined', Digest> }> {
  const directory = temporaryDirectory()
  const { result } = await runDummies(await temporaryCache(directory), [joined])
  const [left, right, both] = [...parts, joined].map((node) => result.artifact(node).blobs.text!)
  return { cache: await temporaryCache(directory), blobs: { left: left!, right: right!, joined: both! } }
}

function damage(cache: Cache, blob: Digest): void {
  chmodSync(cache.blobs.locate(blob), 0o644)
  appendFileSync(cache.blobs.locate(blob), '?')
}

describe('a corrupt blob', () => {
  it('is noticed when it is used, moved aside and computed again, and the run says so', async () => {
    const { cache, blobs } = await computedCache()
    damage(cache, blobs.joined)
    const { result, events } = await runDummies(cache, [length('character')])
    expect(result.artifact(length('character')).value).toBe('left and right'.length)
    expect(ofType(events, 'corrupt')).toEqual([
      { type: 'corrupt', node: joined, consumer: length('character'), blob: blobs.joined, found: 'corrupt' },
    ])
    expect(result.counts).toMatchObject({ ran: 2, cached: 2, failed: 0 })
    expect(readdirSync(join(cache.directory, 'quarantine'))).toEqual([blobs.joined])
    expect((await verifyCache(cache)).clean).toBe(true)
  })

  it('is computed again though what it is made from is corrupt or missing too', async () => {
    const { cache, blobs } = await computedCache()
    damage(cache, blobs.joined)
    damage(cache, blobs.left)
    rmSync(cache.blobs.locate(blobs.right))
    const { result, events } = await runDummies(cache, [length('character')])
    expect(result.artifact(length('character')).value).toBe('left and right'.length)
    expect(ofType(events, 'corrupt').map(({ node, found }) => [node, found])).toEqual([
      [joined, 'corrupt'],
      [parts[0], 'corrupt'],
    ])
    expect(result.counts).toMatchObject({ ran: 4, cached: 0, failed: 0 })
  })

  it('is computed again once for several nodes that notice', async () => {
    const { cache, blobs } = await computedCache()
    damage(cache, blobs.joined)
    const targets = ['byte', 'letter', 'word', 'line'].map(length)
    const { result, events } = await runDummies(cache, targets)
    expect(targets.map((target) => result.artifact(target).value)).toEqual([14, 14, 14, 14])
    expect(ofType(events, 'corrupt').length).toBe(1)
    expect(ofType(events, 'started').filter(({ node }) => node === joined).length).toBe(1)
  })

  it('does not disturb nodes that were about to start with it', async () => {
    const { cache, blobs } = await computedCache()
    damage(cache, blobs.joined)
    const targets = ['byte', 'letter', 'word', 'line', 'page', 'book'].map(length)
    const executor = inProcessExecutor(dummyOperations, cache, { slots: 1 })
    const { result, events } = await runDummies(cache, targets, { executor })
    expect(result.counts).toMatchObject({ ran: 7, cached: 2, failed: 0 })
    expect(ofType(events, 'corrupt').length).toBe(1)
  })

  it('whose producer now fails fails what needs it', async () => {
    const cache = await temporaryCache()
    const marker = join(temporaryDirectory(), 'written')
    const writeOnce = defineOperation({
      ...writeText,
      run: async (...work) => {
        if (existsSync(marker)) throw new Error('cannot write it again')
        writeFileSync(marker, '')
        return writeText.run(...work)
      },
    })
    let announceFailure = () => {}
    const failure = new Promise<void>((resolve) => {
      announceFailure = resolve
    })
    const measureLate = defineOperation({
      ...measure,
      id: 'dummy.measureLate',
      run: async (...work) => {
        await failure
        return measure.run(...work)
      },
    })
    const written = writeOnce.node({}, { text: 'once' })
    const executor = inProcessExecutor([writeOnce, measure, measureLate], cache)
    const { result } = await runDummies(cache, [written], { executor })
    damage(cache, result.artifact(written).blobs.text!)
    const [early, late] = [measure.node({ of: written }, {}), measureLate.node({ of: written }, {})]
    const again = await runDummies(cache, [early, late], {
      executor,
      onEvent: ({ type }) => type === 'failed' && announceFailure(),
    })
    expect(again.result.failures.map(({ node, error }) => [node, error.name])).toEqual([
      [written, 'Error'],
      [late, 'CorruptBlobError'],
    ])
    expect(again.result.skipped).toEqual([{ node: early, ancestor: written }])
  })

  it('of a target is moved aside when it is read, so that the next run computes it again', async () => {
    const { cache, blobs } = await computedCache()
    damage(cache, blobs.joined)
    const first = await runDummies(cache, [joined])
    const path = first.result.artifact(joined).path('text')
    await expect(path).rejects.toThrow(CorruptBlobError)
    await expect(path).rejects.toThrow('has other content than its digest says; run again to compute it anew.')
    const second = await runDummies(cache, [joined])
    expect(second.result.counts).toMatchObject({ ran: 1, cached: 2 })
    expect(existsSync(await second.result.artifact(joined).path('text'))).toBe(true)
  })

  it('that comes back corrupt each time fails the node that needs it', async () => {
    const { cache, blobs } = await computedCache()
    damage(cache, blobs.joined)
    const target = length('character')
    const { result } = await runDummies(cache, [target], {
      onEvent: (event) => {
        if (event.type === 'finished' && event.node === joined) damage(cache, blobs.joined)
      },
    })
    expect(result.failures.map(({ node, error }) => [node, error.name])).toEqual([[target, 'CorruptBlobError']])
  })
})

describe('a missing blob', () => {
  it('makes its record no hit', async () => {
    const { cache, blobs } = await computedCache()
    rmSync(cache.blobs.locate(blobs.left))
    const { result, events } = await runDummies(cache, [joined])
    expect(result.counts).toMatchObject({ ran: 1, cached: 2 })
    expect(ofType(events, 'started').map(({ node }) => node)).toEqual([parts[0]])
  })

  it('that goes between the look-up and its use is computed again', async () => {
    const { cache, blobs } = await computedCache()
    const target = length('character')
    let isThere = true
    const { result, events } = await runDummies(cache, [target], {
      onEvent: (event) => {
        if (event.type !== 'started' || event.node !== target || !isThere) return
        isThere = false
        rmSync(cache.blobs.locate(blobs.joined))
      },
    })
    expect(ofType(events, 'corrupt').map(({ node, found }) => [node, found])).toEqual([[joined, 'missing']])
    expect(result.artifact(target).value).toBe('left and right'.length)
    expect(result.counts).toMatchObject({ ran: 2, cached: 2, failed: 0 })
  })
})

describe('a file of the user', () => {
  async function source(content: string) {
    const file = join(temporaryDirectory(), 'text.txt')
    writeFileSync(file, content)
    const cache = await temporaryCache()
    return { file, cache, text: await openSource(cache, { text: file }, { length: content.length }) }
  }

  it('is read where it is', async () => {
    const { cache, text } = await source('hello')
    const { result } = await runDummies(cache, [measure.node({ of: text }, {})])
    expect(result.counts).toMatchObject({ total: 1, ran: 1 })
    expect(existsSync(cache.blobs.locate(text.artifact.blobs.text!))).toBe(false)
  })

  it('that has changed since it was digested is named', async () => {
    const { file, cache, text } = await source('hello')
    writeFileSync(file, 'hullo')
    const { result } = await runDummies(cache, [measure.node({ of: text }, {})])
    expect(result.failures[0]?.error).toBeInstanceOf(UserError)
    expect(result.failures[0]?.error.message).toBe(
      `The file ${file} has changed since its digest was taken: let nothing write to it while a run reads it, and ` +
        'run again.',
    )
  })

  it('that has gone is named', async () => {
    const { file, cache, text } = await source('hello')
    rmSync(file)
    const { result } = await runDummies(cache, [measure.node({ of: text }, {})])
    expect(result.failures[0]?.error.message).toBe(
      `The file ${file} was there when the run began and is gone: restore it and run again.`,
    )
  })

  it('that was only touched is accepted', async () => {
    const { file, cache, text } = await source('hello')
    utimesSync(file, 1, 1)
    const target = measure.node({ of: text }, {})
    expect((await runDummies(cache, [target])).result.artifact(target).value).toBe(5)
  })
})

describe('blobs of equal content', () => {
  it('are stored once', async () => {
    const cache = await temporaryCache()
    const whole = writeText.node({}, { text: 'abab' })
    const twice = writeText.node({}, { text: 'ab', repeat: 2 })
    const { result } = await runDummies(cache, [whole, twice, constant.node({}, { value: 1 })])
    expect(result.artifact(whole).digest).toBe(result.artifact(twice).digest)
    expect((await verifyCache(cache)).blobs).toBe(1)
  })
})
