import { UserError } from './errors.ts'
import type { NumericArray, Tensor } from './tensor.ts'

declare const permutationBrand: unique symbol

/** A bijection π of {0 … n−1}, read as in `(P x)[i] = x[π(i)]`: position `i` of the result takes element `π(i)`. */
export type Permutation = Int32Array & { readonly [permutationBrand]: true }

/** Check that `indices` is a bijection of {0 … n−1} and brand it. The array is not copied.
 *
 *  @throws {UserError} naming the first index that is out of range or occurs twice.
 */
export function permutation(indices: Int32Array): Permutation {
  const seen = new Uint8Array(indices.length)
  for (let i = 0; i < indices.length; i++) {
    const index = indices[i]!
    if (index < 0 || index >= indices.length) {
      throw notBijective(indices, `entry ${i} is ${index}`)
    }
    if (seen[index] === 1) throw notBijective(indices, `${index} occurs twice`)
    seen[index] = 1
  }
  return indices as Permutation
}

function notBijective(indices: Int32Array, reason: string): UserError {
  const n = indices.length
  return new UserError(`not a permutation of ${n}: ${reason}, but each of 0 to ${n - 1} must occur exactly once`)
}

/** π(i) = i. */
export function identityPermutation(size: number): Permutation {
  return Int32Array.from({ length: size }, (_, i) => i) as Permutation
}

/** π⁻¹: `inversePermutation(p)[p[i]] = i`. */
export function inversePermutation(p: Permutation): Permutation {
  const inverse = new Int32Array(p.length)
  for (let i = 0; i < p.length; i++) inverse[p[i]!] = i
  return inverse as Permutation
}

/** Whether π(i) = i for all i. */
export function isIdentity(p: Permutation): boolean {
  return p.every((value, i) => value === i)
}

/** Permute one axis into a new tensor.
 *
 *      out[…, i, …] = in[…, π(i), …]
 *
 *  @param x Shape `[…, n, …]` with `n` at `axis`; not modified.
 *  @param p Permutation of `n`.
 *  @returns A tensor of the shape of `x` that shares no buffer with it.
 *  @throws {UserError} when `x` has no such axis, or `p` another length than it.
 */
export function permuteAxis<Data extends NumericArray>(x: Tensor<Data>, axis: number, p: Permutation): Tensor<Data> {
  const size = x.shape[axis]
  if (size === undefined) {
    throw new UserError(
      `shape [${x.shape.join(', ')}] has no axis ${axis}: axes are counted from 0 to ${x.shape.length - 1}`,
    )
  }
  if (size !== p.length) {
    throw new UserError(
      `axis ${axis} of shape [${x.shape.join(', ')}] has ${size} entries, but the permutation is of ${p.length}`,
    )
  }
  const inner = x.shape.slice(axis + 1).reduce((product, n) => product * n, 1)
  const outer = x.shape.slice(0, axis).reduce((product, n) => product * n, 1)
  const data = new (x.data.constructor as new (n: number) => Data)(x.data.length)
  for (let o = 0; o < outer; o++) {
    const base = o * size * inner
    if (inner === 1) {
      for (let i = 0; i < size; i++) data[base + i] = x.data[base + p[i]!]!
    } else {
      for (let i = 0; i < size; i++) {
        const from = base + p[i]! * inner
        data.set(x.data.subarray(from, from + inner) as never, base + i * inner)
      }
    }
  }
  return { shape: x.shape, data }
}
