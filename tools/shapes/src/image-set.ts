import { randomStream } from '@isthmus/corpus'
import { indexedPng } from '@isthmus/figures'
import { drawShape, imageSize, shapes } from './draw-shape.ts'

/** The seed of the set that ships. */
export const shippedSeed = 0

/** Images of each class, by split: features are matched on `train`, losses taken on `test`. */
const counts = { train: 32, test: 12 } as const

/** An image as a file of the set. */
export interface ImageFile {
  /** `{split}/{class}/{number}.png`. */
  readonly name: string
  readonly bytes: Buffer
}

/** Make the set: 8 classes of textured shapes, 32 images a class in `train` and 12 in `test`, 32 × 32 pixels each.
 *
 *  An image is fixed by (seed, its name) alone.
 */
export function* imageSet(seed: number): Generator<ImageFile> {
  for (const [split, count] of Object.entries(counts)) {
    for (const [label, contains] of Object.entries(shapes)) {
      for (let i = 1; i <= count; i++) {
        const name = `${split}/${label}/${String(i).padStart(2, '0')}.png`
        const { pixels, palette } = drawShape(contains, randomStream(seed, 'shapes', name))
        yield { name, bytes: indexedPng(pixels, imageSize, palette) }
      }
    }
  }
}
