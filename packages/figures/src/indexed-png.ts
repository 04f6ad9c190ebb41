import { crc32, deflateSync } from 'node:zlib'
import type { Color } from './correlation-scale.ts'

const signature = Buffer.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a])

/** Encode an image whose pixels are indices into a palette.
 *
 *  The pixels are stored and not compressed: compressors differ between machines, and a figure has the same bytes on
 *  all of them.
 *
 *  @param pixels Indices row by row, `[height, width]`.
 *  @param palette At most 256 colours.
 *  @see W3C (2003), Portable Network Graphics Specification, second edition.
 */
export function indexedPng(pixels: Uint8Array, width: number, palette: readonly Color[]): Buffer {
  const height = pixels.length / width
  const scanLines = Buffer.alloc(height * (width + 1))
  for (let y = 0; y < height; y++) scanLines.set(pixels.subarray(y * width, (y + 1) * width), y * (width + 1) + 1)
  const header = Buffer.alloc(13)
  header.writeUInt32BE(width, 0)
  header.writeUInt32BE(height, 4)
  header.set([8, 3, 0, 0, 0], 8)
  return Buffer.concat([
    signature,
    chunk('IHDR', header),
    chunk('PLTE', Buffer.from(palette.flat())),
    chunk('IDAT', deflateSync(scanLines, { level: 0 })),
    chunk('IEND', Buffer.alloc(0)),
  ])
}

function chunk(type: string, data: Buffer): Buffer {
  const body = Buffer.concat([Buffer.from(type, 'latin1'), data])
  const [length, checksum] = [Buffer.alloc(4), Buffer.alloc(4)]
  length.writeUInt32BE(data.length)
  checksum.writeUInt32BE(crc32(body))
  return Buffer.concat([length, body, checksum])
}
