import { mkdtemp, readdir, readFile, rm, truncate, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Tap } from '@isthmus/model'
import { decodeFloat16, encodeFloat16, UserError } from '@isthmus/tensor'
import { RecordBatchReader, tableFromArrays, tableToIPC } from 'apache-arrow'
import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { captureBytes, type FeatureRows, readCapture, writeCapture } from '../src/index.ts'
import { collect, collectRows, drawRows, inBatches } from './drawn-rows.ts'

const widths = { 'ffn.0': 5, 'attention.0': 3 }
const taps = tapsOf(widths)

let folder: string
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'isthmus-capture-'))
})
afterAll(() => rm(folder, { recursive: true }))

function tapsOf(named: Readonly<Record<string, number>>): Tap[] {
  return Object.entries(named).map(([name, width]) => ({ name, site: 'ffn', layer: 0, value: name, width }))
}

/** All rows of a capture as one. */
function readWhole(path: string, names: readonly string[]): Promise<FeatureRows> {
  return collectRows(readCapture(path, names))
}

describe('writeCapture and readCapture', () => {
  it('keep f32 features exactly, and round to f16, to nearest', async () => {
    const property = fc.asyncProperty(fc.integer({ min: 1, max: 40 }), fc.integer(), async (count, seed) => {
      const rows = drawRows(count, widths, seed)
      const exact = join(folder, 'exact.arrow')
      expect(await writeCapture(exact, inBatches(rows, [7]), taps, 'float32')).toBe(count)
      expect(await readWhole(exact, Object.keys(widths))).toEqual(rows)

      const half = join(folder, 'half.arrow')
      await writeCapture(half, inBatches(rows, [7]), taps, 'float16')
      const read = await readWhole(half, Object.keys(widths))
      expect(read.position).toEqual(rows.position)
      for (const [name, { data }] of rows.features) {
        expect(read.features.get(name)!.data).toEqual(decodeFloat16(encodeFloat16(data)))
      }
    })
    await fc.assert(property, { numRuns: 20 })
  })

  it('read the taps that are asked for, and no others', async () => {
    const path = join(folder, 'two-taps.arrow')
    const rows = drawRows(4, widths, 1)
    await writeCapture(path, inBatches(rows, [4]), taps, 'float32')
    const { features } = await readWhole(path, ['attention.0'])
    expect([...features]).toEqual([['attention.0', rows.features.get('attention.0')]])
  })

  it('report the rows as they come', async () => {
    const seen: number[] = []
    await writeCapture(
      join(folder, 'counted.arrow'),
      inBatches(drawRows(10, widths, 2), [4]),
      taps,
      'float32',
      (count) => seen.push(count),
    )
    expect(seen).toEqual([4, 8, 10])
  })

  it('make record batches of at most 64 MB, and the same bytes, whatever the batches that come in', async () => {
    const wide = { 'ffn.0': 8192, 'ffn.1': 8192 }
    const rows = drawRows(1100, wide, 3)
    const [once, cut] = [join(folder, 'once.arrow'), join(folder, 'cut.arrow')]
    await writeCapture(once, inBatches(rows, [1100]), tapsOf(wide), 'float32')
    await writeCapture(cut, inBatches(rows, [100, 999, 1]), tapsOf(wide), 'float32')
    const bytes = await readFile(once)
    expect((await readFile(cut)).equals(bytes)).toBe(true)

    const sizes = [...RecordBatchReader.from(bytes)].map((batch) =>
      captureBytes(batch.numRows, tapsOf(wide), 'float32'),
    )
    expect(sizes).toHaveLength(2)
    expect(Math.max(...sizes)).toBeLessThanOrEqual(64 * 1024 * 1024)
    expect(Math.max(...sizes)).toBeGreaterThan(63 * 1024 * 1024)
    expect(bytes.length - captureBytes(1100, tapsOf(wide), 'float32')).toBeLessThan(8192)

    const read = await readWhole(once, ['ffn.1'])
    expect(read.sequence).toEqual(rows.sequence)
    expect(Buffer.compare(bytesOf(read), bytesOf({ ...rows, features: new Map([...rows.features].slice(1)) }))).toBe(0)
  })
})

function bytesOf({ features }: FeatureRows): Buffer {
  const { data } = [...features.values()][0]!
  return Buffer.from(data.buffer, data.byteOffset, data.byteLength)
}

describe('captureBytes', () => {
  it('counts a row’s sequence, position and features', () => {
    expect(captureBytes(10, taps, 'float32')).toBe(10 * (4 + 4 + 8 * 4))
    expect(captureBytes(10, taps, 'float16')).toBe(10 * (4 + 4 + 8 * 2))
  })
})

describe('readCapture', () => {
  const read = (path: string, names: readonly string[]) => collect(readCapture(path, names))

  it('refuses a file that is cut short, wherever, or is no Arrow file', async () => {
    const path = join(folder, 'cut-short.arrow')
    await writeCapture(path, inBatches(drawRows(50, widths, 4), [50]), taps, 'float32')
    const whole = await readFile(path)
    const sentence = new UserError(`${path} is not an Arrow IPC file, or is cut short; capture it again`)
    for (const length of [whole.length - 1, whole.length - 20, whole.length >> 1, 100, 7, 3, 0]) {
      await writeFile(path, whole)
      await truncate(path, length)
      await expect(read(path, ['ffn.0']), `${length} bytes`).rejects.toThrow(sentence)
    }
    await writeFile(path, 'sequence,position\n0,0\n')
    await expect(read(path, ['ffn.0'])).rejects.toThrow(sentence)
  })

  it('refuses an Arrow file that holds something else', async () => {
    const path = join(folder, 'foreign.arrow')
    await writeFile(path, tableToIPC(tableFromArrays({ ids: Int32Array.of(1, 2) }), 'file'))
    await expect(read(path, ['ffn.0'])).rejects.toThrow(
      new UserError(`${path} is no capture of features: it has no int32 column 'sequence'; give another file`),
    )
  })

  it('names a tap that was not captured, with those that were', async () => {
    const path = join(folder, 'taps.arrow')
    await writeCapture(path, inBatches(drawRows(2, widths, 5), [2]), taps, 'float16')
    for (const name of ['ffn.1', 'sequence']) {
      await expect(read(path, [name])).rejects.toThrow(
        new UserError(`the capture ${path} has no tap '${name}'; it has ffn.0, attention.0`),
      )
    }
  })

  it('names a file that is not there', async () => {
    const path = join(folder, 'missing.arrow')
    await expect(read(path, ['ffn.0'])).rejects.toThrow(UserError)
    await expect(read(path, ['ffn.0'])).rejects.toThrow(`cannot read ${path}: ENOENT`)
  })
})

describe('writeCapture', () => {
  it('leaves nothing behind when the features fail, and passes on why', async () => {
    const inner = await mkdtemp(join(folder, 'failing-'))
    async function* failing() {
      yield* inBatches(drawRows(5, widths, 6), [5])
      throw new UserError('the model is gone')
    }
    await expect(writeCapture(join(inner, 'x.arrow'), failing(), taps, 'float32')).rejects.toThrow(
      new UserError('the model is gone'),
    )
    expect(await readdir(inner)).toEqual([])
  })

  it('leaves nothing behind when there are no tokens', async () => {
    const inner = await mkdtemp(join(folder, 'empty-'))
    const path = join(inner, 'x.arrow')
    await expect(writeCapture(path, inBatches(drawRows(0, widths, 7), [5]), taps, 'float32')).rejects.toThrow(
      new UserError(`there are no tokens whose features could be written to ${path}`),
    )
    expect(await readdir(inner)).toEqual([])
  })

  it('says where it cannot write', async () => {
    const path = join(folder, 'no-such-folder', 'x.arrow')
    const writing = writeCapture(path, inBatches(drawRows(5, widths, 8), [5]), taps, 'float32')
    await expect(writing).rejects.toThrow(UserError)
    await expect(writing).rejects.toThrow(
      new RegExp(`^cannot write ${path}: the folder .* does not exist; create it first$`),
    )
  })
})
