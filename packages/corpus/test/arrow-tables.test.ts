import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { UserError } from '@isthmus/tensor'
import { tableFromArrays, tableFromIPC, tableToIPC } from 'apache-arrow'
import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import {
  type MaskedBlocks,
  readMaskedBlocks,
  readTokenTable,
  type TokenTable,
  writeMaskedBlocks,
  writeTokenTable,
} from '../src/index.ts'

let folder: string
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'arrow-'))
})
afterAll(() => rm(folder, { recursive: true }))

const int32 = fc.integer({ min: -(2 ** 31), max: 2 ** 31 - 1 })
const digest = fc.string({ unit: fc.constantFrom(...'0123456789abcdef'), minLength: 64, maxLength: 64 })

const tokenTables: fc.Arbitrary<TokenTable> = fc.record({
  lines: fc.array(
    fc.record({
      book: fc.string({ unit: 'grapheme' }),
      line: fc.nat(),
      ids: fc.array(int32, { minLength: 1 }).map((ids) => Int32Array.from(ids)),
    }),
  ),
  maxTokens: fc.nat(512),
  specialTokens: fc.boolean(),
  vocabularyDigest: digest,
})

const maskedBlocks: fc.Arbitrary<MaskedBlocks> = fc
  .record({ count: fc.nat(5), blockSize: fc.integer({ min: 1, max: 9 }) })
  .chain(({ count, blockSize }) => {
    const column = fc
      .array(int32, { minLength: count * blockSize, maxLength: count * blockSize })
      .map((ids) => ({ shape: [count, blockSize], data: Int32Array.from(ids) }))
    return fc.record({
      inputIds: column,
      labels: column,
      probability: fc.double({ min: 0, max: 1, noNaN: true, minExcluded: true }),
      seed: fc.maxSafeNat(),
      vocabularyDigest: digest,
    })
  })

describe('token tables', () => {
  it('reads back what was written, with the same bytes each time', async () => {
    const [path, again] = [join(folder, 'tokens.arrow'), join(folder, 'again.arrow')]
    await fc.assert(
      fc.asyncProperty(tokenTables, async (table) => {
        await writeTokenTable(path, table)
        await writeTokenTable(again, await readTokenTable(path))
        expect(await readTokenTable(path)).toEqual(table)
        expect(await readFile(again)).toEqual(await readFile(path))
      }),
      { numRuns: 50 },
    )
  })

  it('has typed columns without nulls', async () => {
    const path = join(folder, 'typed.arrow')
    const lines = [{ book: 'a/b.txt', line: 3, ids: Int32Array.from([2, 7, 3]) }]
    await writeTokenTable(path, { lines, maxTokens: 3, specialTokens: true, vocabularyDigest: 'd' })
    const { schema } = tableFromIPC(await readFile(path))
    expect(schema.fields.map((field) => `${field}`)).toEqual(['book: Utf8', 'line: Int32', 'ids: List<Int32>'])
    expect(schema.fields.some(({ nullable }) => nullable)).toBe(false)
  })
})

describe('masked blocks', () => {
  it('reads back what was written, with the same bytes each time', async () => {
    const [path, again] = [join(folder, 'masked.arrow'), join(folder, 'again.arrow')]
    const protocols = fc.constantFrom('clean' as const, 'released-code' as const)
    await fc.assert(
      fc.asyncProperty(maskedBlocks, protocols, async (masked, protocol) => {
        await writeMaskedBlocks(path, masked, protocol)
        await writeMaskedBlocks(again, await readMaskedBlocks(path), protocol)
        expect(await readMaskedBlocks(path)).toEqual({ ...masked, protocol })
        expect(await readFile(again)).toEqual(await readFile(path))
      }),
      { numRuns: 50 },
    )
  })

  it('reads a file of several record batches', async () => {
    const path = join(folder, 'batches.arrow')
    const column = (first: number) => ({ shape: [2, 3], data: Int32Array.from({ length: 6 }, (_, i) => first + i) })
    const masked = { inputIds: column(0), labels: column(10), probability: 0.15, seed: 1, vocabularyDigest: 'd' }
    await writeMaskedBlocks(path, masked)
    const table = tableFromIPC(await readFile(path))
    await writeFile(path, tableToIPC(table.concat(table), 'file'))
    const read = await readMaskedBlocks(path)
    expect(read.inputIds.shape).toEqual([4, 3])
    expect([...read.labels.data]).toEqual([10, 11, 12, 13, 14, 15, 10, 11, 12, 13, 14, 15])
  })

  it('says clean unless told otherwise, and refuses a protocol that is unknown', async () => {
    const path = join(folder, 'protocol.arrow')
    const column = { shape: [1, 3], data: Int32Array.from([1, 2, 3]) }
    const masked = { inputIds: column, labels: column, probability: 0.15, seed: 1, vocabularyDigest: 'd' }
    await writeMaskedBlocks(path, masked)
    const table = tableFromIPC(await readFile(path))
    expect(table.schema.metadata.get('protocol')).toBe('clean')
    table.schema.metadata.set('protocol', 'other')
    await writeFile(path, tableToIPC(table, 'file'))
    await expect(readMaskedBlocks(path)).rejects.toThrow(
      new UserError(`${path} was made by the protocol 'other', expected clean or released-code; make it again`),
    )
    table.schema.metadata.delete('protocol')
    await writeFile(path, tableToIPC(table, 'file'))
    await expect(readMaskedBlocks(path)).rejects.toThrow(`${path} lacks the metadata 'protocol'; make it again`)
  })
})

describe('files', () => {
  const table: TokenTable = { lines: [], maxTokens: 5, specialTokens: true, vocabularyDigest: 'd' }

  it('says that a file is missing, cut short, or something else', async () => {
    const path = join(folder, 'file.arrow')
    await expect(readTokenTable(path)).rejects.toThrow(`cannot read ${path}: ENOENT`)
    await writeTokenTable(path, {
      ...table,
      lines: Array.from({ length: 50 }, (_, line) => ({ book: 'a/b.txt', line, ids: new Int32Array(20).fill(7) })),
    })
    await expect(readMaskedBlocks(path)).rejects.toThrow(
      new UserError(`${path} holds isthmus.token-table, expected isthmus.masked-blocks; give another file`),
    )
    const bytes = await readFile(path)
    for (const length of [0, 4, 100, bytes.length >> 1, bytes.length - 1]) {
      await writeFile(path, bytes.subarray(0, length))
      await expect(readTokenTable(path)).rejects.toThrow(
        new UserError(`${path} is not an Arrow IPC file, or is cut short; make it again`),
      )
    }
    await writeFile(path, tableToIPC(tableFromArrays({ a: [1] }), 'file'))
    await expect(readTokenTable(path)).rejects.toThrow(`${path} holds no known table, expected isthmus.token-table`)
  })

  it('leaves nothing behind where it cannot write', async () => {
    const taken = join(folder, 'taken')
    await mkdir(taken)
    await expect(writeTokenTable(join(folder, 'gone', 't.arrow'), table)).rejects.toThrow(
      /^cannot write .*t.arrow: the folder .* does not exist; create it first$/,
    )
    await expect(writeTokenTable(taken, table)).rejects.toThrow(`cannot write ${taken}: `)
    expect((await readdir(folder)).filter((name) => name.endsWith('.tmp'))).toEqual([])
  })
})
