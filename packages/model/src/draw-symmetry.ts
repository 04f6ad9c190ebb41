import { identityPermutation, type Permutation, permutation } from '@isthmus/tensor'
import { uniformInt } from 'pure-rand/distribution/uniformInt'
import { mersenne } from 'pure-rand/generator/mersenne'
import type { PermutableAxis, Symmetries } from './symmetries.ts'

/** Draw a function-keeping permutation of every axis, each with the same probability.
 *
 *  An axis of heads gets an element of the wreath product of the permutations of a head's features by those of the
 *  heads: one order of heads for its whole group, and within each head an order of its own.
 *  @param seed A 32-bit integer; the result depends on nothing else.
 *  @returns By the names of the axes.
 */
export function drawSymmetry(symmetries: Symmetries, seed: number): Map<string, Permutation> {
  const generator = mersenne(seed)
  const shuffle = (size: number): Permutation => {
    const p = identityPermutation(size)
    for (let i = size - 1; i > 0; i--) {
      const j = uniformInt(generator, 0, i)
      ;[p[i], p[j]] = [p[j]!, p[i]!]
    }
    return p
  }
  const orders = new Map<string, Permutation>()
  const draw = ({ size, heads }: PermutableAxis): Permutation => {
    if (heads === null) return shuffle(size)
    const order = orders.get(heads.group) ?? shuffle(heads.numHeads)
    orders.set(heads.group, order)
    const headSize = size / heads.numHeads
    return permutation(
      Int32Array.from([...order].flatMap((from) => [...shuffle(headSize)].map((i) => from * headSize + i))),
    )
  }
  return new Map(symmetries.axes.map((axis) => [axis.name, draw(axis)]))
}
