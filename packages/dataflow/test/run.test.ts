import { rmSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { UserError } from '@isthmus/tensor'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { artifactDigest, defineOperation, type Executor, inProcessExecutor, type Node } from '../src/index.ts'
import {
  add,
  concatenate,
  constant,
  dummyOperations,
  fail,
  isPositive,
  measure,
  roll,
  wait,
  writeText,
} from './dummy-operations.ts'
import { ofType, runDummies, temporaryCache, temporaryDirectory } from './temporary-cache.ts'

describe('run', () => {
  it('computes a graph once, and takes it from the cache the next time, in another process too', async () => {
    const directory = temporaryDirectory()
    const targets = () => {
      const [a, b] = ['one', 'two'].map((text) => writeText.node({}, { text }))
      return [concatenate.node({ parts: [a!, b!] }, { separator: '+' })]
    }
    const first = await runDummies(await temporaryCache(directory), targets())
    expect(first.result.counts).toMatchObject({ total: 3, ran: 3, cached: 0, failed: 0, deduplicated: 0 })
    const artifact = first.result.artifact(targets()[0]!)
    expect(artifact.value).toEqual({ length: 7 })
    expect(artifact.digest).toBe(artifactDigest({ length: 7 }, artifact.blobs))
    expect(await readFile(await artifact.path('text'), 'utf8')).toBe('one+two')
    await expect(artifact.path('image')).rejects.toThrow("An artifact has no blob 'image': its blobs are text")

    const again = await runDummies(await temporaryCache(directory), targets())
    expect(again.result.counts).toMatchObject({ total: 3, ran: 0, cached: 3 })
    expect(again.result.artifact(targets()[0]!).digest).toBe(artifact.digest)
    expect(ofType(again.events, 'started')).toEqual([])
    expect(ofType(again.events, 'finished').map(({ cached }) => cached)).toEqual([true, true, true])
  })

  it('agrees with plain arithmetic on random graphs, whatever the number of slots', async () => {
    const graphs = fc.array(fc.array(fc.nat(), { maxLength: 4 }), { minLength: 1, maxLength: 12 })
    await fc.assert(
      fc.asyncProperty(graphs, fc.integer({ min: 1, max: 5 }), async (shape, slots) => {
        const cache = await temporaryCache()
        const nodes: Node<number>[] = [constant.node({}, { value: 1 })]
        const expected = [1]
        for (const [i, picks] of shape.entries()) {
          const chosen = picks.map((pick) => pick % nodes.length)
          nodes.push(add.node({ terms: chosen.map((pick) => nodes[pick]!) }, { plus: i }))
          expected.push(chosen.reduce((total, pick) => total + expected[pick]!, i))
        }
        const executor = inProcessExecutor(dummyOperations, cache, { slots })
        const { result } = await runDummies(cache, nodes, { executor })
        expect(nodes.map((node) => result.artifact(node).value)).toEqual(expected)
      }),
      { numRuns: 30 },
    )
  })

  it('merges nodes that are equal, and computes one key once though nodes differ', async () => {
    const cache = await temporaryCache()
    const three = () => constant.node({}, { value: 3 })
    const sums = [add.node({ terms: [three()] }, {}), add.node({ terms: [three()] }, {})]
    const alsoThree = add.node({ terms: [constant.node({}, { value: 1 }), constant.node({}, { value: 2 })] }, {})
    const targets = [...sums, isPositive.node({ x: three() }, {}), isPositive.node({ x: alsoThree }, {})]
    const { result, events } = await runDummies(cache, targets)
    expect(result.counts).toMatchObject({ total: 7, deduplicated: 3, ran: 6, cached: 1 })
    const operations = new Map([
      ['dummy.constant', 3],
      ['dummy.add', 2],
      ['dummy.isPositive', 2],
    ])
    expect(ofType(events, 'planned')).toEqual([{ type: 'planned', total: 7, deduplicated: 3, operations }])
    expect(new Set(ofType(events, 'started').map(({ key }) => key)).size).toBe(6)
    expect(ofType(events, 'started').length).toBe(6)
  })

  it('goes no further than where an artifact is as it was', async () => {
    const cache = await temporaryCache()
    const target = (value: number) =>
      add.node({ terms: [isPositive.node({ x: constant.node({}, { value }) }, {})] as never }, {})
    await runDummies(cache, [target(1)])
    const { result } = await runDummies(cache, [target(2)])
    expect(result.counts).toMatchObject({ total: 3, ran: 2, cached: 1 })
  })

  it('fails what depends on a failed node and nothing else', async () => {
    const cache = await temporaryCache()
    const broken = fail.node({}, { message: 'out of cheese' }, { label: 'the broken one' })
    const sound = constant.node({}, { value: 1 })
    const lost = add.node({ terms: [broken, sound] }, {}, { label: 'lost' })
    const alsoLost = isPositive.node({ x: lost }, {})
    const kept = isPositive.node({ x: sound }, {})
    const { result, events } = await runDummies(cache, [alsoLost, kept])
    expect(result.counts).toMatchObject({ total: 5, ran: 2, failed: 1, skipped: 2, interrupted: 0 })
    expect(result.artifact(kept).value).toBe(true)
    expect(result.failures.map(({ node, error }) => [node, error.name, error.message])).toEqual([
      [broken, 'RangeError', 'out of cheese'],
    ])
    expect(ofType(events, 'skipped').map(({ node, ancestor }) => [node, ancestor])).toEqual([
      [lost, broken],
      [alsoLost, broken],
    ])
    expect(() => result.artifact(broken)).toThrow(RangeError)
    expect(() => result.artifact(lost)).toThrow("'lost' was not run, since 'the broken one' failed.")
    expect(() => result.artifact(constant.node({}, { value: 9 }))).toThrow("'dummy.constant' is not a node of this run")
  })

  it('runs again what had failed, and keeps what had not', async () => {
    const cache = await temporaryCache()
    const targets = [constant.node({}, { value: 1 }), fail.node({}, { message: 'no', isUserError: true })]
    await runDummies(cache, targets)
    const { result } = await runDummies(cache, targets)
    expect(result.counts).toMatchObject({ cached: 1, failed: 1 })
    expect(result.failures[0]?.error).toBeInstanceOf(UserError)
  })

  it('ends at the first failure when told so', async () => {
    const cache = await temporaryCache()
    const targets = [
      fail.node({}, { message: 'no' }),
      wait.node({}, { name: 'long', milliseconds: 60_000 }),
      constant.node({}, { value: 1 }),
    ]
    const executor = inProcessExecutor(dummyOperations, cache, { slots: 2 })
    const { result } = await runDummies(cache, targets, { executor, maximumFailures: 1 })
    expect(result.interrupted).toBe(true)
    expect(result.counts).toMatchObject({ failed: 1, interrupted: 2 })
  })

  it('ends at the failure that is one too many, and goes on before', async () => {
    const cache = await temporaryCache()
    const targets = ['a', 'b', 'c', 'd'].map((message) => fail.node({}, { message }))
    const executor = inProcessExecutor(dummyOperations, cache, { slots: 1 })
    const { result } = await runDummies(cache, targets, { executor, maximumFailures: 3 })
    expect(result.counts).toMatchObject({ failed: 3, interrupted: 1 })
    expect(result).toMatchObject({ interrupted: true, limited: false })
  })

  it('computes no more than its limit, goes on the next time, and comes to the same', async () => {
    await fc.assert(
      fc.asyncProperty(fc.integer({ min: 1, max: 5 }), fc.integer({ min: 1, max: 9 }), async (limit, count) => {
        const cache = await temporaryCache()
        const chain = [constant.node({}, { value: 0 })]
        for (let i = 1; i < count; i++) chain.push(add.node({ terms: [chain[Math.floor(i / 2)]!] }, { plus: i }))
        for (let left = count; left > 0; left -= limit) {
          const { result } = await runDummies(cache, chain, { limit })
          const ran = Math.min(limit, left)
          expect(result.counts).toMatchObject({ cached: count - left, ran, failed: 0, interrupted: left - ran })
          expect(result).toMatchObject({ limited: left > limit, interrupted: left > limit })
        }
        const whole = await runDummies(await temporaryCache(), chain)
        const pieces = await runDummies(cache, chain, { limit })
        expect(pieces.result.counts).toMatchObject({ cached: count, ran: 0 })
        for (const node of chain) {
          expect(pieces.result.artifact(node).digest).toBe(whole.result.artifact(node).digest)
        }
      }),
      { numRuns: 20 },
    )
  })

  it('keeps to the order that `after` asks for, which is not in the key', async () => {
    const cache = await temporaryCache()
    const slow = wait.node({}, { name: 'first', milliseconds: 30 })
    const later = constant.node({}, { value: 1 }, { after: [slow] })
    const { events } = await runDummies(cache, [later])
    expect(ofType(events, 'started').map(({ node }) => node)).toEqual([slow, later])
    const { result } = await runDummies(cache, [constant.node({}, { value: 1 })])
    expect(result.counts).toMatchObject({ total: 1, cached: 1 })
    const blocked = constant.node({}, { value: 2 }, { after: [fail.node({}, { message: 'no' })] })
    expect((await runDummies(cache, [blocked])).result.counts).toMatchObject({ failed: 1, skipped: 1 })
  })

  it('refuses nodes that wait for each other', async () => {
    const cache = await temporaryCache()
    const plain = constant.node({}, { value: 1 })
    const next = add.node({ terms: [plain] }, {}, { label: 'next' })
    const waiting = constant.node({}, { value: 1 }, { after: [next] })
    await expect(runDummies(cache, [next, waiting])).rejects.toThrow(
      "The nodes 'dummy.constant', 'next' wait for each other: remove one of them from an 'after' list.",
    )
  })

  it('ends cleanly when it is interrupted, and keeps what had finished', async () => {
    const cache = await temporaryCache()
    const interrupt = new AbortController()
    const short = constant.node({}, { value: 1 })
    const long = wait.node({}, { name: 'long', milliseconds: 60_000 })
    const never = add.node({ terms: [] }, {}, { after: [long] })
    const { result, events } = await runDummies(cache, [short, never], {
      signal: interrupt.signal,
      onEvent: ({ type }) => type === 'progress' && interrupt.abort(),
    })
    expect(result.interrupted).toBe(true)
    expect(result.counts).toMatchObject({ ran: 1, failed: 0, interrupted: 2 })
    expect(ofType(events, 'failed')).toEqual([])
    expect(() => result.artifact(never)).toThrow("'dummy.add' was not run: the run was interrupted.")
    expect((await runDummies(cache, [short])).result.counts).toMatchObject({ cached: 1 })
  })

  it('begins nothing when it is interrupted before', async () => {
    const cache = await temporaryCache()
    const { result } = await runDummies(cache, [constant.node({}, { value: 1 })], { signal: AbortSignal.abort() })
    expect(result.counts).toMatchObject({ ran: 0, interrupted: 1 })
  })

  it('reports an operation that is not a function of its key, and uses its first result', async () => {
    const directory = temporaryDirectory()
    const cache = await temporaryCache(directory)
    const node = roll.node({}, {})
    const first = (await runDummies(cache, [node])).result.artifact(node)
    rmSync(cache.blobs.locate(first.blobs.text!))
    const { result, events } = await runDummies(cache, [node])
    const key = ofType(events, 'started')[0]!.key
    expect(ofType(events, 'nondeterminism')).toMatchObject([{ node, key, first: first.digest }])
    expect(ofType(events, 'nondeterminism')[0]!.second).not.toBe(first.digest)
    expect(result.artifact(node).digest).toBe(first.digest)
  })

  it('uses the result of another run that was faster, though its own differs', async () => {
    const directory = temporaryDirectory()
    const [fast, slow] = [await temporaryCache(directory), await temporaryCache(directory)]
    const node = roll.node({}, {})
    const executor = inProcessExecutor(dummyOperations, slow)
    const overtaken: Executor = {
      ...executor,
      execute: async (job, hooks) => {
        rmSync(join(directory, 'leases', job.key))
        await runDummies(fast, [node])
        return executor.execute(job, hooks)
      },
    }
    const { result, events } = await runDummies(slow, [node], { executor: overtaken })
    const { digest } = (await runDummies(fast, [node])).result.artifact(node)
    expect(ofType(events, 'nondeterminism').map(({ first }) => first)).toEqual([digest])
    expect(result.artifact(node).digest).toBe(digest)
  })

  it('serves what is cached from a read-only cache, and names what is not', async () => {
    const directory = temporaryDirectory()
    const target = (text: string) => measure.node({ of: writeText.node({}, { text }) }, {})
    await runDummies(await temporaryCache(directory), [target('known')])
    const cache = await temporaryCache(directory, { readOnly: true })
    const { result } = await runDummies(cache, [target('known'), target('new')])
    expect(result.artifact(target('known')).value).toBe(5)
    expect(result.counts).toMatchObject({ cached: 2, failed: 1, skipped: 1 })
    expect(result.failures[0]?.error).toBeInstanceOf(UserError)
    expect(result.failures[0]?.error.message).toBe(
      `The cache ${directory} was opened to be read only and does not hold 'dummy.writeText': run with a cache that ` +
        'can be written.',
    )
  })

  it('rejects with what a listener throws', async () => {
    const cache = await temporaryCache()
    const onEvent = ({ type }: { type: string }) => {
      if (type === 'finished') throw new Error('the listener broke')
    }
    await expect(runDummies(cache, [constant.node({}, { value: 1 })], { onEvent })).rejects.toThrow(
      'the listener broke',
    )
  })

  it('gives operations the same values whether they were computed now or read from the cache', async () => {
    const negativeZero = defineOperation({ ...constant, id: 'dummy.negativeZero', run: async () => -0 })
    const cache = await temporaryCache()
    const node = negativeZero.node({}, { value: 0 })
    const executor = inProcessExecutor([negativeZero], cache)
    for (const kind of ['ran', 'cached']) {
      const { result } = await runDummies(cache, [node], { executor })
      expect(result.counts).toMatchObject({ [kind]: 1 })
      expect(Object.is(result.artifact(node).value, 0)).toBe(true)
    }
  })

  it('runs a chain of 5,000 nodes, which no recursion would survive', async () => {
    const cache = await temporaryCache()
    let node: Node<number> = constant.node({}, { value: 0 })
    for (let i = 0; i < 5000; i++) node = add.node({ terms: [node] }, { plus: 1 })
    expect((await runDummies(cache, [node])).result.artifact(node).value).toBe(5000)
    expect((await runDummies(cache, [node])).result.counts).toMatchObject({ cached: 5001 })
  })
})
