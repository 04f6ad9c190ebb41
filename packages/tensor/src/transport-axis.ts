import { ShapeError } from './errors.ts'
import type { Tensor } from './tensor.ts'

/** Multiply one axis, or a part of it, by a square matrix, into a new tensor.
 *
 *      out[…, i, …] = Σ_j T[i, j] in[…, j, …]
 *
 *  Along the rows of a weight this is `T W`, along its columns `W Tᵀ`. A matrix of a permutation permutes, as
 *  `permuteAxis` does, to the bit. Sums are in f64, in the order of j, and rounded once to f32. Cost: the size of `x`
 *  times n.
 *  @param x Shape `[…, size, …]` with `size` at `axis`; not modified.
 *  @param transport T, shape `[n, n]`.
 *  @param offset Where on the axis the n entries start that are multiplied; what lies outside of them is copied.
 *  @returns A tensor of the shape of `x` that shares no buffer with it.
 *  @throws {ShapeError} when `x` has no such axis, `T` is not square, or the axis has no n entries from `offset` on.
 */
export function transportAxis(x: Tensor, axis: number, transport: Tensor, offset = 0): Tensor {
  const [n = 0, columns] = transport.shape
  const size = x.shape[axis] ?? 0
  if (n !== columns || transport.shape.length !== 2 || offset + n > size) {
    throw new ShapeError(
      `a square matrix of at most ${size - offset} rows is needed to transport axis ${axis} of shape ` +
        `[${x.shape.join(', ')}] from entry ${offset} on, found [${transport.shape.join(', ')}]`,
    )
  }
  const inner = x.shape.slice(axis + 1).reduce((product, length) => product * length, 1)
  const vectors = x.data.length / size
  const firstEntry = (vector: number) => Math.floor(vector / inner) * size * inner + offset * inner + (vector % inner)
  const weights = Float64Array.from(transport.data)
  const data = x.data.slice()
  for (let vector = 0; vector < vectors; vector += vectorsAtOnce) {
    const at = Array.from({ length: vectorsAtOnce }, (_, k) => firstEntry(Math.min(vector + k, vectors - 1)))
    multiplyVectors(weights, n, x.data, data, inner, at as Vectors)
  }
  return { shape: x.shape, data }
}

const vectorsAtOnce = 4

/** Where the vectors that are multiplied at once start; the last is repeated where fewer are left. */
type Vectors = [number, number, number, number]

/** Multiply four vectors of n entries, `stride` apart, by two rows of T at a time: eight sums that stay in registers. */
function multiplyVectors(
  t: Float64Array,
  n: number,
  from: Float32Array,
  to: Float32Array,
  stride: number,
  [atA, atB, atC, atD]: Vectors,
): void {
  const packed = new Float64Array(vectorsAtOnce * n)
  for (let j = 0; j < n; j++) {
    packed[4 * j] = from[atA + j * stride]!
    packed[4 * j + 1] = from[atB + j * stride]!
    packed[4 * j + 2] = from[atC + j * stride]!
    packed[4 * j + 3] = from[atD + j * stride]!
  }
  for (let i = 0; i < n; i += 2) {
    const next = Math.min(i + 1, n - 1)
    const [row, nextRow] = [i * n, next * n]
    let a = 0
    let b = 0
    let c = 0
    let d = 0
    let nextA = 0
    let nextB = 0
    let nextC = 0
    let nextD = 0
    for (let j = 0; j < n; j++) {
      const weight = t[row + j]!
      const nextWeight = t[nextRow + j]!
      const valueA = packed[4 * j]!
      const valueB = packed[4 * j + 1]!
      const valueC = packed[4 * j + 2]!
      const valueD = packed[4 * j + 3]!
      a += weight * valueA
      b += weight * valueB
      c += weight * valueC
      d += weight * valueD
      nextA += nextWeight * valueA
      nextB += nextWeight * valueB
      nextC += nextWeight * valueC
      nextD += nextWeight * valueD
    }
    const [out, nextOut] = [i * stride, next * stride]
    to[atA + out] = a
    to[atB + out] = b
    to[atC + out] = c
    to[atD + out] = d
    to[atA + nextOut] = nextA
    to[atB + nextOut] = nextB
    to[atC + nextOut] = nextC
    to[atD + nextOut] = nextD
  }
}
