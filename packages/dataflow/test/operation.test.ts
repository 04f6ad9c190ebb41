import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { UserError } from '@isthmus/tensor'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { z } from 'zod'
import { canonicalDigest, defineOperation, inProcessExecutor, type Node, nodeKey, openSource } from '../src/index.ts'
import { add, constant, isPositive, measure } from './dummy-operations.ts'
import { runDummies, temporaryCache, temporaryDirectory } from './temporary-cache.ts'

const settings = defineOperation({
  id: 'dummy.settings',
  version: 1,
  inputs: {},
  params: z.record(z.string(), z.json()),
  value: z.null(),
  run: async () => null,
})

describe('operation.node', () => {
  it('has an identity that does not depend on the order of params, nor on its label', () => {
    fc.assert(
      fc.property(fc.dictionary(fc.string(), fc.jsonValue()), (params) => {
        // A schema leaves such a key out, as JavaScript would set a prototype by it.
        fc.pre(!JSON.stringify(params).includes('"__proto__"'))
        const reversed = Object.fromEntries(Object.entries(params).reverse())
        const node = settings.node({}, params as Record<string, never>, { label: 'one' })
        expect(settings.node({}, reversed as Record<string, never>).identity).toBe(node.identity)
        expect(nodeKey('x', 1, node.params, {})).toBe(nodeKey('x', 1, reversed as Record<string, never>, {}))
      }),
    )
  })

  it('has the digest of what it is for its identity', () => {
    const term = constant.node({}, { value: 1 })
    const { operation, params, identity } = add.node({ terms: [term, term] }, { plus: 2 })
    expect(identity).toBe(
      canonicalDigest([operation.id, operation.version, params, { terms: [term.identity, term.identity] }]),
    )
  })

  it('has another identity for other params, inputs, order of inputs and version', () => {
    const [a, b] = [constant.node({}, { value: 1 }), constant.node({}, { value: 2 })]
    const newer = defineOperation({ ...constant, version: 2 })
    const nodes: Node[] = [
      a,
      b,
      newer.node({}, { value: 1 }),
      add.node({ terms: [a, b] }, {}),
      add.node({ terms: [b, a] }, {}),
      add.node({ terms: [a] }, {}),
      add.node({ terms: [a] }, { plus: 1 }),
      isPositive.node({ x: a }, {}),
    ]
    expect(new Set(nodes.map(({ identity }) => identity)).size).toBe(nodes.length)
  })

  it('takes defaults into the params', () => {
    expect(add.node({ terms: [] }, {}).params).toEqual({ plus: 0 })
    expect(add.node({ terms: [] }, {}).identity).toBe(add.node({ terms: [] }, { plus: 0 }).identity)
  })

  it('names the operation and the param that is wrong', () => {
    const wrong = () => constant.node({}, { value: 'one' as unknown as number })
    expect(wrong).toThrow(UserError)
    expect(wrong).toThrow(
      "Operation 'dummy.constant' was given a wrong param 'value': Invalid input: expected number, received string; " +
        'correct it.',
    )
  })

  it('refuses params that are no JSON', () => {
    const dated = defineOperation({
      id: 'dummy.dated',
      version: 1,
      inputs: {},
      params: z.object({ at: z.object({ day: z.date() }) }),
      value: z.null(),
      run: async () => null,
    })
    expect(() => dated.node({}, { at: { day: new Date(0) } })).toThrow(
      "Operation 'dummy.dated' was given wrong params: at.day is an instance of Date, which JSON cannot hold",
    )
  })

  it('names the input that is missing, unknown, or of the wrong arity', () => {
    const a = constant.node({}, { value: 1 })
    const untyped = (inputs: object) => () => isPositive.node(inputs as { x: Node<number> }, {})
    expect(untyped({})).toThrow(
      "Operation 'dummy.isPositive' needs one node or source as input 'x', but was given nothing",
    )
    expect(untyped({ x: [a] })).toThrow("needs one node or source as input 'x', but was given a list")
    expect(untyped({ x: a, y: a })).toThrow("Operation 'dummy.isPositive' has no input 'y': its inputs are x.")
  })

  it('checks the value of a source', async () => {
    const file = join(temporaryDirectory(), 'text.txt')
    writeFileSync(file, 'four')
    const cache = await temporaryCache()
    const wrong = await openSource(cache, { text: file }, { size: 4 })
    const untyped = wrong as unknown as Node<{ length: number }>
    expect(() => measure.node({ of: untyped }, {})).toThrow(
      `Operation 'dummy.measure' cannot take the source '${file}' as input 'of': length Invalid input: expected number`,
    )
  })
})

describe('defineOperation', () => {
  it('refuses a version that is no positive integer', () => {
    expect(() => defineOperation({ ...constant, version: 0 })).toThrow("Operation 'dummy.constant' has version 0")
  })

  it('refuses a value that its schema refuses, and names the field', async () => {
    const liar = defineOperation({
      id: 'dummy.liar',
      version: 1,
      inputs: {},
      params: z.object({}),
      value: z.object({ count: z.number() }),
      run: async () => ({ count: 'many' as unknown as number }),
    })
    const cache = await temporaryCache()
    const { result } = await runDummies(cache, [liar.node({}, {})], { executor: inProcessExecutor([liar], cache) })
    expect(result.failures[0]?.error.message).toBe(
      "Operation 'dummy.liar' returned a value with a field 'count' that its schema refuses: " +
        'Invalid input: expected number, received string',
    )
  })

  it('refuses two operations of one id, and a job whose version the executor does not have', async () => {
    const cache = await temporaryCache()
    expect(() => inProcessExecutor([constant, constant], cache)).toThrow("Two operations are called 'dummy.constant'")
    const newer = defineOperation({ ...constant, version: 2 })
    const { result } = await runDummies(cache, [newer.node({}, { value: 1 })])
    expect(result.failures[0]?.error.message).toContain("needs operation 'dummy.constant' version 2")
  })
})
