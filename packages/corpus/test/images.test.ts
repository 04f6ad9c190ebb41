import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { UserError } from '@isthmus/tensor'
import fc from 'fast-check'
import { PNG } from 'pngjs'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import {
  decodeImage,
  type ImageTable,
  imageBatches,
  imageClass,
  imageFeatureBatches,
  imageLabels,
  imagePreprocessing,
  listImages,
  normalizedValues,
  readImageTable,
  sampleImages,
  writeImageTable,
} from '../src/index.ts'

let folder: string
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'images-'))
})
afterEach(() => rm(folder, { recursive: true }))

async function save(name: string, content: Uint8Array | string = ''): Promise<string> {
  const path = join(folder, name)
  await mkdir(dirname(path), { recursive: true })
  await writeFile(path, content)
  return path
}

/** A PNG of `size` with the red, green, blue and alpha of each pixel, in one of PNG's types of colour. */
function png(size: number, rgba: ArrayLike<number>, options: object = {}): Buffer {
  const image = new PNG({ width: size, height: size })
  image.data = Buffer.from(Uint8Array.from(rgba))
  return PNG.sync.write(image, options)
}

describe('listImages', () => {
  it('lists {class}/{image}.png, below the split where there is one', async () => {
    for (const name of ['b/2.png', 'a/1.PNG', 'a/.hidden.png', 'a/notes.txt', 'README.md']) await save(name)
    expect(Object.keys(await listImages(folder, 'train'))).toEqual(['a/1.PNG', 'b/2.png'])
    await save('test/c/3.png')
    const images = await listImages(folder, 'test')
    expect(images).toEqual({ 'c/3.png': join(folder, 'test/c/3.png') })
  })

  it('says what is wrong', async () => {
    const gone = join(folder, 'gone')
    await expect(listImages(gone, 'test')).rejects.toThrow(/^cannot read the folder of images .*gone: ENOENT/)
    await save('a/notes.txt')
    await expect(listImages(folder, 'test')).rejects.toThrow(
      new UserError(
        `${folder} holds no images: expected files {class}/{image}.png, found 1 folders without any; put each image in a ` +
          'folder named for its class',
      ),
    )
    await save('a/1.png')
    await save('b/2.jpeg')
    await expect(listImages(folder, 'test')).rejects.toThrow(
      new UserError(`${join(folder, 'b/2.jpeg')} is no PNG, the only format read; convert the images to PNG`),
    )
  })
})

describe('decodeImage', () => {
  it('gives the channels one after the other, without the transparency', async () => {
    const colours = fc.uint8Array({ minLength: 27, maxLength: 27 })
    await fc.assert(
      fc.asyncProperty(colours, fc.constantFrom(255, 128, 0), async (rgb, alpha) => {
        const rgba = Array.from({ length: 36 }, (_, i) => (i % 4 === 3 ? alpha : rgb[3 * Math.floor(i / 4) + (i % 4)]!))
        const path = await save('a/x.png', png(3, rgba, { colorType: alpha === 255 ? 2 : 6 }))
        const decoded = await decodeImage(path, 3, 'a/x.png')
        const expected = [0, 1, 2].flatMap((channel) => [...rgb].filter((_, i) => i % 3 === channel))
        expect([...decoded]).toEqual(expected)
      }),
      { numRuns: 30 },
    )
  })

  it('reads grey as all three', async () => {
    const grey = [0, 80, 160, 255]
    const path = await save(
      'a/grey.png',
      png(
        2,
        grey.flatMap((value) => [value, value, value, 255]),
        { colorType: 0 },
      ),
    )
    expect([...(await decodeImage(path, 2, 'a/grey.png'))]).toEqual([...grey, ...grey, ...grey])
  })

  it('refuses what would have to be changed, or is no PNG', async () => {
    const path = await save('a/x.png', png(2, new Uint8Array(16)))
    await expect(decodeImage(path, 4, 'a/x.png')).rejects.toThrow(
      new UserError('the image a/x.png is 2 × 2 pixels, but the model reads 4 × 4; resize the images first'),
    )
    const deep = await save('a/deep.png', png(2, new Uint8Array(32), { bitDepth: 16 }))
    await expect(decodeImage(deep, 2, 'a/deep.png')).rejects.toThrow(
      'the image a/deep.png has 16 bits a channel, of which 8 are read; convert it to 8 bits a channel',
    )
    const text = await save('a/text.png', 'no image')
    await expect(decodeImage(text, 2, 'a/text.png')).rejects.toThrow(
      /^the image a\/text.png cannot be read as PNG: .*; replace the file$/,
    )
    await expect(decodeImage(join(folder, 'gone'), 2, 'gone')).rejects.toThrow(/^cannot read the image gone: ENOENT/)
  })
})

describe('imageLabels', () => {
  const config = { label2id: { cat: 1, dog: 0, emu: 2 } }

  it('are those of label2id, of which the images may have a part', () => {
    expect(imageLabels(['dog', 'cat'], config, 3, 'm/config.json')).toEqual({ dog: 0, cat: 1 })
    expect(() => imageLabels(['dog', 'fox'], config, 3, 'm/config.json')).toThrow(
      new UserError(
        "the images have the class 'fox', which label2id of m/config.json does not: it has cat, dog, emu; name the " +
          'folders as the model names its classes',
      ),
    )
  })

  it('are the places among the sorted names where the model has none', () => {
    const unnamed = { label2id: { LABEL_0: 0, LABEL_1: 1 } }
    for (const one of [unnamed, {}]) {
      expect(imageLabels(['dog', 'cat'], one, 2, 'm/config.json')).toEqual({ cat: 0, dog: 1 })
    }
    expect(() => imageLabels(['a', 'b', 'c', 'd', 'e', 'f'], unnamed, 2, 'm/config.json')).toThrow(
      new UserError(
        'm/config.json has 2 classes without names, but the images are of 6: a, b, c, d, e and 1 more; name the classes ' +
          'in label2id, or give images of the same classes',
      ),
    )
  })
})

describe('imagePreprocessing', () => {
  it('has the defaults of transformers, and obeys the file', () => {
    const half = [0.5, 0.5, 0.5]
    expect(imagePreprocessing(undefined, 'p')).toEqual({ rescaleFactor: 1 / 255, mean: half, std: half })
    const [image_mean, image_std] = [[0.1, 0.2, 0.3], 0.25]
    expect(imagePreprocessing({ image_mean, image_std, do_rescale: true, size: 224 }, 'p')).toEqual({
      rescaleFactor: 1 / 255,
      mean: image_mean,
      std: [0.25, 0.25, 0.25],
    })
    expect(imagePreprocessing({ image_mean, image_std, do_rescale: false, do_normalize: false }, 'p')).toEqual({
      rescaleFactor: 1,
      mean: [0, 0, 0],
      std: [1, 1, 1],
    })
    expect(() => imagePreprocessing({ image_std: [1, 0, 1] }, 'm/preprocessor_config.json')).toThrow(
      'm/preprocessor_config.json: image_std is not valid (it must be greater than 0); correct it',
    )
  })

  it('normalises each of 256 values of each channel', () => {
    const values = normalizedValues({ rescaleFactor: 1 / 255, mean: [0.5, 0.485, 0], std: [0.5, 0.229, 1] })
    expect([values[0], values[255], values[512 + 51]]).toEqual([-1, 1, Math.fround(0.2)])
    expect(values[256 + 128]).toBeCloseTo((128 / 255 - 0.485) / 0.229, 6)
  })
})

describe('sampleImages', () => {
  const folders = fc.dictionary(fc.stringMatching(/^[a-e]$/), fc.integer({ min: 1, max: 12 }))
  const namesOf = (counts: Readonly<Record<string, number>>) =>
    Object.entries(counts).flatMap(([label, n]) => Array.from({ length: n }, (_, i) => `${label}/${i}.png`))

  it('takes ⌈fraction · n⌉ of every class, classes in turn, a smaller fraction a part of a larger one', () => {
    fc.assert(
      fc.property(folders, fc.integer({ min: 1, max: 100 }), fc.nat(), (counts, percent, seed) => {
        const [names, fraction] = [namesOf(counts), percent / 100]
        const drawn = sampleImages(names, { seed, fraction, count: null })
        expect(new Set(drawn).size).toBe(drawn.length)
        for (const [label, n] of Object.entries(counts)) {
          expect(drawn.filter((name) => imageClass(name) === label)).toHaveLength(Math.ceil((percent * n) / 100))
        }
        const all = sampleImages(names.toReversed(), { seed, fraction: 1, count: null })
        expect(all.toSorted()).toEqual(names.toSorted())
        expect(drawn.every((name) => all.includes(name))).toBe(true)
        const classes = Object.keys(counts)
        const first = sampleImages(names, { seed, fraction: 1, count: classes.length })
        expect(first.map(imageClass)).toEqual(classes.toSorted())
      }),
    )
  })

  it('refuses a fraction of none', () => {
    expect(() => sampleImages([], { seed: 0, fraction: 0, count: null })).toThrow(
      'fraction must be a number greater than 0 and at most 1, but it is 0',
    )
  })
})

describe('a table of images', () => {
  const table: ImageTable = {
    names: ['b/1.png', 'a/ä.png', 'b/2.png'],
    labels: Int32Array.of(1, 0, 1),
    pixels: { shape: [3, 3, 2, 2], data: Uint8Array.from({ length: 36 }, (_, i) => 7 * i) },
    preprocessing: { rescaleFactor: 1 / 255, mean: [0.5, 0, 0.1], std: [0.5, 1, 0.3] },
  }

  it('is read as it was written', async () => {
    const path = join(folder, 'images.arrow')
    await writeImageTable(path, table)
    expect(await readImageTable(path)).toEqual(table)
  })

  it('gives the same pixels and labels however it is cut', () => {
    const [whole] = [...imageBatches(table, 9)]
    expect(whole!.feeds.pixelValues.shape).toEqual([3, 3, 2, 2])
    whole!.feeds.pixelValues.data.forEach((value, i) => {
      const channel = Math.floor(i / 4) % 3
      const { mean, std } = table.preprocessing
      expect(value).toBeCloseTo((table.pixels.data[i]! / 255 - mean[channel]!) / std[channel]!, 5)
    })
    const cut = [...imageBatches(table, 2)]
    expect(cut.map(({ predictions }) => predictions)).toEqual([2, 1])
    expect(cut.flatMap(({ feeds }) => [...feeds.pixelValues.data])).toEqual([...whole!.feeds.pixelValues.data])
    expect(cut.flatMap(({ feeds }) => [...feeds.labels.data])).toEqual([1, 0, 1])
    expect(() => imageBatches(table, 0).next()).toThrow('batchSize must be a whole number of at least 1, but it is 0')
  })

  it('is read for its features at every position of every image', () => {
    const batches = [...imageFeatureBatches(table, { batchSize: 2, positions: 5 })]
    expect(batches.map(({ sequences }) => [...sequences])).toEqual([[0, 1], [2]])
    expect(batches.map(({ positions }) => positions.length)).toEqual([10, 5])
    expect(Object.keys(batches[0]!.feeds)).toEqual(['pixelValues'])
  })
})
