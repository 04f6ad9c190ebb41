import { UserError } from '@isthmus/tensor'
import { randomStream, sampleWithoutReplacement } from './random-stream.ts'

export interface SampleImagesOptions {
  /** Fixes the sample; record it. An integer of {0 … 2⁵³−1}. */
  readonly seed: number
  /** The part of each class's images that is kept, in (0, 1]. */
  readonly fraction: number
  /** Images at most; null for all. */
  readonly count: number | null
}

/** Draw images of every class, without replacement: ⌈fraction · n⌉ of a class of n.
 *
 *  A class's draw is fixed by (seed, its name, its images' names) alone, and a smaller fraction gives a subset of what a
 *  larger one gives. The order takes the classes in turn, so that the first `count` are of all classes alike.
 *  @param names `{class}/{image}.png`.
 *  @throws {UserError} when `fraction` is out of range.
 */
export function sampleImages(names: Iterable<string>, { seed, fraction, count }: SampleImagesOptions): string[] {
  if (!(fraction > 0 && fraction <= 1)) {
    throw new UserError(`fraction must be a number greater than 0 and at most 1, but it is ${fraction}`)
  }
  const sorted = [...names].sort()
  const drawn = [...new Set(sorted.map(imageClass))].flatMap((label) => {
    const all = sorted.filter((name) => imageClass(name) === label)
    // 0.07 · 100 is 7.000000000000001 in f64: without the margin it would round up to 8.
    const kept = Math.ceil(fraction * all.length - 1e-9)
    const order = sampleWithoutReplacement(randomStream(seed, 'images', label), all.length, kept)
    return [...order].map((index, turn) => ({ turn, name: all[index]! }))
  })
  const inTurn = drawn.sort((a, b) => a.turn - b.turn || (a.name < b.name ? -1 : 1)).map(({ name }) => name)
  return count === null ? inTurn : inTurn.slice(0, count)
}

/** The class of an image, by its name `{class}/{image}.png`. */
export function imageClass(name: string): string {
  return name.slice(0, name.indexOf('/'))
}
