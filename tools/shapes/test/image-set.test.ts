import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { decodeImage, listImages, randomStream } from '@isthmus/corpus'
import type { Color } from '@isthmus/figures'
import { describe, expect, it } from 'vitest'
import { drawShape, imageSize, shapes } from '../src/draw-shape.ts'
import { imageSet, shippedSeed } from '../src/image-set.ts'

const shipped = join(import.meta.dirname, '../../../datasets/shapes')

describe('imageSet', () => {
  it('makes the files that ship, byte for byte, and these are all', () => {
    const names = new Set(['README.md'])
    let total = 0
    for (const { name, bytes } of imageSet(shippedSeed)) {
      expect(readFileSync(join(shipped, name)).equals(bytes), name).toBe(true)
      names.add(name)
      total += bytes.length
    }
    const entries = readdirSync(shipped, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile())
    const found = entries.map((entry) =>
      join(entry.parentPath, entry.name)
        .slice(shipped.length + 1)
        .replaceAll('\\', '/'),
    )
    expect(new Set(found)).toEqual(names)
    expect(names.size - 1).toBe(8 * (32 + 12))
    expect(total).toBeLessThan(500_000)
  })

  it('is read as an image set of its classes, which all differ', async () => {
    const images = await listImages(shipped, 'test')
    expect(new Set(Object.keys(images).map((name) => name.split('/')[0]))).toEqual(new Set(Object.keys(shapes)))
    const pixels = await Promise.all(Object.entries(images).map(([name, path]) => decodeImage(path, imageSize, name)))
    expect(new Set(pixels.map((image) => Buffer.from(image).toString('base64'))).size).toBe(96)
  })

  it('draws other images from another seed', () => {
    const [first, second] = [0, 1].map((seed) => imageSet(seed).next().value!.bytes)
    expect(first!.equals(second!)).toBe(false)
  })
})

describe('drawShape', () => {
  it('shows shape and ground in colours that are apart', () => {
    for (const [label, contains] of Object.entries(shapes)) {
      for (let i = 0; i < 20; i++) {
        const { pixels, palette } = drawShape(contains, randomStream(5, label, i))
        const share = pixels.filter((index) => index >= 2).length / pixels.length
        expect(share, label).toBeGreaterThan(0.03)
        expect(share, label).toBeLessThan(0.65)
        const [ground, , figure] = palette as readonly [Color, Color, Color]
        expect(ground.reduce((sum, value, c) => sum + Math.abs(value - figure[c]!), 0)).toBeGreaterThanOrEqual(200)
      }
    }
  })
})
