import { crc32, inflateSync } from 'node:zlib'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { type Color, correlationColor } from '../src/correlation-scale.ts'
import { indexedPng } from '../src/indexed-png.ts'

/** Read what `indexedPng` writes, by the specification: chunks with their checksums, scan lines without filters. */
function decode(png: Buffer) {
  expect(png.subarray(0, 8)).toEqual(Buffer.from('89504e470d0a1a0a', 'hex'))
  const chunks = new Map<string, Buffer>()
  for (let offset = 8; offset < png.length; ) {
    const end = offset + 8 + png.readUInt32BE(offset)
    expect(png.readUInt32BE(end)).toBe(crc32(png.subarray(offset + 4, end)))
    chunks.set(png.toString('latin1', offset + 4, offset + 8), png.subarray(offset + 8, end))
    offset = end + 4
  }
  const header = chunks.get('IHDR')!
  const [width, height] = [header.readUInt32BE(0), header.readUInt32BE(4)]
  const scanLines = inflateSync(chunks.get('IDAT')!)
  const rows = Array.from({ length: height }, (_, y) => scanLines.subarray(y * (width + 1), (y + 1) * (width + 1)))
  for (const row of rows) expect(row[0]).toBe(0)
  return { width, height, palette: [...chunks.get('PLTE')!], pixels: rows.flatMap((row) => [...row.subarray(1)]) }
}

const luminance = ([red, green, blue]: Color) => 0.2126 * red + 0.7152 * green + 0.0722 * blue

describe('indexedPng', () => {
  it('gives back every pixel and the palette', () => {
    const image = fc.tuple(fc.integer({ min: 1, max: 40 }), fc.integer({ min: 1, max: 40 })).chain(([width, height]) =>
      fc.record({
        width: fc.constant(width),
        pixels: fc.uint8Array({ minLength: width * height, maxLength: width * height, max: 1 }),
      }),
    )
    fc.assert(
      fc.property(image, ({ width, pixels }) => {
        const decoded = decode(
          indexedPng(pixels, width, [
            [1, 2, 3],
            [250, 251, 252],
          ]),
        )
        expect(decoded).toEqual({
          width,
          height: pixels.length / width,
          palette: [1, 2, 3, 250, 251, 252],
          pixels: [...pixels],
        })
      }),
    )
  })

  it('stores pixels without compression, which would differ between machines', () => {
    expect(indexedPng(new Uint8Array(100 * 100), 100, [[0, 0, 0]]).length).toBeGreaterThan(100 * 100)
  })
})

describe('correlationColor', () => {
  it('is white at 0, red above and blue below, and darkens with the size', () => {
    expect(correlationColor(0)).toEqual([255, 255, 255])
    fc.assert(
      fc.property(fc.double({ min: 0.05, max: 1, noNaN: true }), (size) => {
        const [up, down] = [correlationColor(size), correlationColor(-size)]
        expect(up[0]).toBeGreaterThan(up[2])
        expect(down[2]).toBeGreaterThan(down[0])
        expect(luminance(correlationColor(size / 2))).toBeGreaterThan(luminance(up))
        expect(luminance(correlationColor(-size / 2))).toBeGreaterThan(luminance(down))
      }),
    )
  })

  it('has an end for positive correlations that is far darker than that for negative ones', () => {
    expect(luminance(correlationColor(-1)) - luminance(correlationColor(1))).toBeGreaterThan(80)
    expect(correlationColor(7)).toEqual(correlationColor(1))
  })
})
