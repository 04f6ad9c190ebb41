import { chmodSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { encodeCheckedLine } from '../src/checked-line.ts'
import { artifactDigest, canonicalDigest, type Digest, verifyCache } from '../src/index.ts'
import { constant, writeText } from './dummy-operations.ts'
import { ofType, runDummies, temporaryCache } from './temporary-cache.ts'

async function filledCache() {
  const cache = await temporaryCache()
  const nodes = ['left', 'middle', 'right'].map((text) => writeText.node({}, { text }))
  const { result, events } = await runDummies(cache, nodes)
  const keys = nodes.map((node) => ofType(events, 'finished').find((event) => event.node === node)!.key)
  return { cache, nodes, keys, blobs: nodes.map((node) => result.artifact(node).blobs.text!) }
}

describe('verifyCache', () => {
  it('finds nothing wrong with a sound cache', async () => {
    const { cache } = await filledCache()
    expect(await verifyCache(cache)).toEqual({
      clean: true,
      records: 3,
      blobs: 3,
      bytes: 15,
      corrupt: [],
      missing: [],
      orphaned: [],
      damagedPacks: [],
      inconsistent: [],
      nondeterministic: [],
    })
  })

  it('finds every corrupt, missing and orphaned blob, names the records, and repairs when it is told to', async () => {
    const { cache, nodes, keys, blobs } = await filledCache()
    chmodSync(cache.blobs.locate(blobs[0]!), 0o644)
    writeFileSync(cache.blobs.locate(blobs[0]!), 'LEFT')
    rmSync(cache.blobs.locate(blobs[1]!))
    const orphan = canonicalDigest('orphan')
    mkdirSync(dirname(cache.blobs.locate(orphan)), { recursive: true })
    writeFileSync(cache.blobs.locate(orphan), '"orphan"')
    const operation = 'dummy.writeText'
    const expected = {
      clean: false,
      corrupt: [{ blob: blobs[0], records: [{ key: keys[0], operation }] }],
      missing: [{ blob: blobs[1], records: [{ key: keys[1], operation }] }],
      orphaned: [orphan],
    }
    expect(await verifyCache(cache)).toMatchObject(expected)
    expect(await verifyCache(cache, { repair: true })).toMatchObject(expected)
    expect(await verifyCache(await temporaryCache(cache.directory))).toMatchObject({ clean: true, records: 1 })
    expect(readdirSync(join(cache.directory, 'quarantine'))).toEqual([blobs[0]])
    expect((await runDummies(cache, nodes)).result.counts).toMatchObject({ ran: 2, cached: 1 })
  })

  it('finds records that do not belong to their key, and keys with several results', async () => {
    const { cache } = await filledCache()
    const [pack] = readdirSync(join(cache.directory, 'actions'))
    const lines = readFileSync(join(cache.directory, 'actions', pack!), 'utf8').split('\n')
    const record = JSON.parse(lines[0]!.slice(17))
    const value = { length: 99 }
    const { blobs } = record.output
    const other = { ...record, output: { value, blobs, digest: artifactDigest(value, blobs) } }
    const foreign = { ...record, key: canonicalDigest('another key') }
    writeFileSync(join(cache.directory, 'actions', 'more.jsonl'), encodeCheckedLine(other) + encodeCheckedLine(foreign))
    const report = await verifyCache(cache)
    expect(report).toMatchObject({ clean: false, inconsistent: [foreign.key] })
    expect(report.nondeterministic).toEqual([
      {
        key: record.key,
        operation: record.operation,
        digests: [record.output.digest, other.output.digest].sort(),
      },
    ])
  })

  it('repairs no read-only cache', async () => {
    const { cache } = await filledCache()
    const readOnly = await temporaryCache(cache.directory, { readOnly: true })
    await expect(verifyCache(readOnly, { repair: true })).rejects.toThrow(
      `The cache ${cache.directory} was opened to be read only: open it for writing to repair it.`,
    )
    expect((await verifyCache(readOnly)).clean).toBe(true)
  })

  it('tells digests apart from other names', async () => {
    const cache = await temporaryCache()
    const node = constant.node({}, { value: 1 })
    await runDummies(cache, [node])
    mkdirSync(join(cache.directory, 'blobs', 'ab'))
    writeFileSync(join(cache.directory, 'blobs', 'ab', 'notes.txt'), 'mine')
    const report = await verifyCache(cache)
    expect(report.corrupt.map(({ blob }) => blob)).toEqual(['notes.txt' as Digest])
  })
})
