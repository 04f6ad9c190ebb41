import { rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { defineOperation, describeExplanation, type Explanation, explain, openSource } from '../src/index.ts'
import { add, concatenate, constant, measure, writeText } from './dummy-operations.ts'
import { runDummies, temporaryCache, temporaryDirectory } from './temporary-cache.ts'

const described = (explanations: readonly Explanation[]) =>
  explanations.map((explanation) => `${explanation.node.label}: ${describeExplanation(explanation)}`)

describe('explain', () => {
  it('says of each node whether it would run, and names what has never run', async () => {
    const cache = await temporaryCache()
    const a = constant.node({}, { value: 1 }, { label: 'a' })
    const sum = add.node({ terms: [a] }, {}, { label: 'sum' })
    const outer = add.node({ terms: [sum, a] }, {}, { label: 'outer' })
    expect(described(await explain([outer], { cache }))).toEqual([
      'a: would run: its operation has never run',
      "sum: unknown until 'a' has run",
      "outer: unknown until 'a' has run",
    ])
    await runDummies(cache, [sum])
    const explanations = await explain([outer], { cache })
    expect(explanations.map(({ state }) => state)).toEqual(['cached', 'cached', 'would run'])
    expect((await runDummies(cache, [outer])).result.counts).toMatchObject({ cached: 2, ran: 1 })
    expect(described(await explain([outer], { cache }))).toEqual(['a: cached', 'sum: cached', 'outer: cached'])
  })

  it('names the params that differ from the nearest earlier run', async () => {
    const cache = await temporaryCache()
    const old = ['a', 'b'].map((text) => writeText.node({}, { text, repeat: 3 }))
    await runDummies(cache, old)
    const [explanation] = await explain([writeText.node({}, { text: 'b', repeat: 4 })], { cache })
    expect(explanation).toMatchObject({
      state: 'would run',
      reason: { type: 'changed', changes: [{ field: 'params.repeat', from: 3, to: 4 }] },
    })
    expect(describeExplanation(explanation!)).toContain('would run: params.repeat 3 → 4 (nearest earlier run: 20')
  })

  it('finds the run of which the fewest fields differ among many', async () => {
    const field = fc.constantFrom('a', 'b')
    const past = fc.uniqueArray(fc.record({ text: field, repeat: fc.integer({ min: 1, max: 3 }) }), {
      minLength: 1,
      maxLength: 6,
      selector: ({ text, repeat }) => `${text}${repeat}`,
    })
    await fc.assert(
      fc.asyncProperty(past, field, async (runs, text) => {
        const own = await temporaryCache()
        await runDummies(
          own,
          runs.map((params) => writeText.node({}, params)),
        )
        const [explanation] = await explain([writeText.node({}, { text, repeat: 9 })], { cache: own })
        const fewest = runs.some((run) => run.text === text) ? 1 : 2
        const { reason } = explanation as Extract<Explanation, { state: 'would run' }>
        expect(reason.type === 'changed' && reason.changes.length).toBe(fewest)
      }),
      { numRuns: 20 },
    )
  })

  it('names fields that are new or gone, and a version', async () => {
    const cache = await temporaryCache()
    const [a, b] = ['a', 'b'].map((text) => writeText.node({}, { text }))
    const three = concatenate.node({ parts: [a!, b!, a!] }, { separator: '-' })
    await runDummies(cache, [three])
    const newer = defineOperation({ ...concatenate, version: 2 })
    const changed = await explain([newer.node({ parts: [a!, b!] }, { separator: '-' })], { cache })
    const output = (await runDummies(cache, [a!])).result.artifact(a!)
    expect(changed.at(-1)).toMatchObject({
      reason: {
        changes: [
          { field: 'version', from: 1, to: 2 },
          { field: 'inputs.parts.2', from: output.digest, to: undefined },
        ],
      },
    })
    const sentence = describeExplanation(changed.at(-1)!)
    expect(sentence).toContain(`version 1 → 2, inputs.parts.2 "${output.digest.slice(0, 12)}…" is gone`)
    const more = await explain([concatenate.node({ parts: [a!, b!, a!, b!] }, { separator: '-' })], { cache })
    expect(describeExplanation(more.at(-1)!)).toMatch(/inputs\.parts\.3 "[0-9a-f]{12}…" is new/)
  })

  it('names an input whose content changed, and blobs that are gone', async () => {
    const cache = await temporaryCache()
    const file = join(temporaryDirectory(), 'text.txt')
    const target = async (content: string) => {
      writeFileSync(file, content)
      return measure.node({ of: await openSource(cache, { text: file }, { length: 5 }) }, {})
    }
    const first = await target('hello')
    await runDummies(cache, [first])
    const [changed] = await explain([await target('hullo')], { cache })
    expect(changed).toMatchObject({ state: 'would run', reason: { changes: [{ field: 'inputs.of' }] } })

    const written = writeText.node({}, { text: 'hello' })
    const blob = (await runDummies(cache, [written])).result.artifact(written).blobs.text!
    rmSync(cache.blobs.locate(blob))
    const [lost] = await explain([written], { cache })
    expect(lost).toMatchObject({ state: 'would run', reason: { type: 'blobs missing', blobs: [blob] } })
    expect(describeExplanation(lost!)).toBe('would run: 1 of the files of its earlier result are gone')
  })
})
