import { decodeImage, IGNORED_LABEL, imageClass, sampleImages, writeImageTable } from '@isthmus/corpus'
import { defineOperation, one } from '@isthmus/dataflow'
import { z } from 'zod'
import { imageFolderArtifact, imagesArtifact } from './artifacts.ts'
import { blobPaths } from './blob-paths.ts'

const channels = z.array(z.number()).readonly()

/** Draw images of a folder and decode them: those on which losses are taken, or features are matched.
 *
 *  All are in memory at once, a byte for each of the three channels of a pixel.
 */
export const decodeImages = defineOperation({
  id: 'corpus.images',
  version: 1,
  inputs: { images: one(imageFolderArtifact) },
  params: z.object({
    imageSize: z.int(),
    preprocessing: z.object({ rescaleFactor: z.number(), mean: channels, std: channels }),
    /** The label of each class; null where none is needed. */
    labels: z.record(z.string(), z.int()).nullable(),
    fraction: z.number(),
    seed: z.int(),
    count: z.int().nullable(),
  }),
  value: imagesArtifact,
  async run(context, { images }, { imageSize: size, preprocessing, labels, ...sampling }) {
    const paths = await blobPaths(images)
    const names = sampleImages(Object.keys(paths), sampling)
    const pixels = new Uint8Array(names.length * 3 * size * size)
    for (const [i, name] of names.entries()) {
      pixels.set(await decodeImage(paths[name]!, size, name), i * 3 * size * size)
      context.progress(i + 1, names.length)
    }
    await writeImageTable(await context.createBlob('images'), {
      names,
      labels: Int32Array.from(names, (name) => labels?.[imageClass(name)] ?? IGNORED_LABEL),
      pixels: { shape: [names.length, 3, size, size], data: pixels },
      preprocessing,
    })
    return { images: names.length, classes: new Set(names.map(imageClass)).size }
  },
})
