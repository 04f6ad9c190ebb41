import type { RandomStream } from '@isthmus/corpus'
import { normalValues } from './normal-values.ts'

/** Draw an orthogonal matrix `[n, n]`, each with the same probability density: the rows of a Gaussian matrix, made
 *  orthonormal one after the other.
 *
 *  Each row is freed of those before it twice, which keeps the dot products of rows near the precision of f64.
 *  @see Golub & Van Loan, Matrix Computations, section 5.2.8 (modified Gram–Schmidt).
 */
export function randomOrthogonal(stream: RandomStream, n: number): Float64Array {
  const matrix = normalValues(stream, n * n)
  for (let i = 0; i < n; i++) {
    const row = matrix.subarray(i * n, (i + 1) * n)
    for (let pass = 0; pass < 2; pass++) {
      for (let j = 0; j < i; j++) {
        const earlier = matrix.subarray(j * n, (j + 1) * n)
        const along = dot(row, earlier)
        for (let k = 0; k < n; k++) row[k] = row[k]! - along * earlier[k]!
      }
    }
    const norm = Math.sqrt(dot(row, row))
    for (let k = 0; k < n; k++) row[k] = row[k]! / norm
  }
  return matrix
}

function dot(a: Float64Array, b: Float64Array): number {
  let sum = 0
  for (let k = 0; k < a.length; k++) sum += a[k]! * b[k]!
  return sum
}
