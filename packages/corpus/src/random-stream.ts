import { createHash } from 'node:crypto'
import { UserError } from '@isthmus/tensor'
import { uniformFloat64 } from 'pure-rand/distribution/uniformFloat64'
import { uniformInt } from 'pure-rand/distribution/uniformInt'
import { xoroshiro128plusFromState } from 'pure-rand/generator/xoroshiro128plus'

/** A source of random numbers that is fixed by a recorded seed; each draw moves it on. */
export interface RandomStream {
  /** Uniform in [0, 1), on a grid of 2⁻⁵³. */
  uniform(): number
  /** Uniform over the integers {0 … n−1}, without modulo bias. */
  index(n: number): number
  /** 32 random bits, as a signed integer: the cheapest draw. */
  bits(): number
}

/** Open the stream that belongs to a seed and a purpose.
 *
 *  The generator is xoroshiro128+; its 128 bits of state are the first 16 bytes, read as four little-endian int32, of
 *  SHA-256 over the UTF-8 JSON array `[seed, ...purpose]`. Streams of different purposes (a book's name, a block's
 *  index) are therefore independent of each other and of the order in which they are opened.
 *  @param seed An integer of {0 … 2⁵³−1}.
 *  @throws {UserError} when the seed is no such integer.
 */
export function randomStream(seed: number, ...purpose: readonly (string | number)[]): RandomStream {
  if (!Number.isSafeInteger(seed) || seed < 0) {
    throw new UserError(`seed must be an integer from 0 to ${Number.MAX_SAFE_INTEGER}, but it is ${seed}`)
  }
  const digest = createHash('sha256')
    .update(JSON.stringify([seed, ...purpose]))
    .digest()
  const generator = xoroshiro128plusFromState([0, 4, 8, 12].map((offset) => digest.readInt32LE(offset)))
  return {
    uniform: () => uniformFloat64(generator),
    index: (n) => uniformInt(generator, 0, n - 1),
    bits: () => generator.next(),
  }
}

/** Draw `size` different integers of {0 … n−1}, every subset and order with the same probability.
 *
 *  The first `size` steps of a Fisher–Yates shuffle: O(n) memory, `size` draws.
 *  @param size At most `n`.
 */
export function sampleWithoutReplacement(stream: RandomStream, n: number, size: number): Int32Array {
  const items = Int32Array.from({ length: n }, (_, i) => i)
  for (let i = 0; i < size; i++) {
    const j = i + stream.index(n - i)
    const drawn = items[j]!
    items[j] = items[i]!
    items[i] = drawn
  }
  return items.slice(0, size)
}
