import type { FeatureMoments } from './cross-moments.ts'

/** A correlation matrix and the features that have none, because they never vary. */
export interface CrossCorrelation {
  /** Row = feature of A, column = feature of B: `[dA, dB]`, row-major, in [−1, 1]. */
  readonly matrix: Float32Array
  readonly rows: number
  readonly columns: number
  /** Features of zero variance, whose correlations are 0. */
  readonly constantA: readonly number[]
  readonly constantB: readonly number[]
}

/** Correlate the features of two models.
 *
 *      C = E[(x_A − μ_A)(x_B − μ_B)ᵀ] / (σ_A σ_Bᵀ)
 *
 *  Signed. A feature of zero variance has correlation 0 and is reported. A standard deviation below 1e-7 of the
 *  feature's mean is rounding of a constant in f32, and counts as zero.
 *
 *  @see Verma & Elbayad (2024), §3.1; Li et al. (2015), Convergent learning.
 */
export function crossCorrelation(moments: FeatureMoments): CrossCorrelation {
  const [rows, columns] = [moments.meanA.length, moments.meanB.length]
  const inverseA = inverseDeviations(moments.standardDeviationA, moments.meanA)
  const inverseB = inverseDeviations(moments.standardDeviationB, moments.meanB)
  const matrix = new Float32Array(rows * columns)
  for (let i = 0, k = 0; i < rows; i++) {
    for (let j = 0; j < columns; j++, k++) {
      matrix[k] = Math.min(1, Math.max(-1, moments.covariance[k]! * inverseA[i]! * inverseB[j]!))
    }
  }
  return { matrix, rows, columns, constantA: zeros(inverseA), constantB: zeros(inverseB) }
}

/** The mean of the diagonal of C under a permutation of B's features: how alike the paired features are.
 *
 *      1/d Σ_i C[i, π(i)]
 *
 *  @param pairing π, or null for the identity.
 */
export function meanDiagonal(matrix: ArrayLike<number>, size: number, pairing: ArrayLike<number> | null): number {
  let sum = 0
  for (let i = 0; i < size; i++) sum += matrix[i * size + (pairing === null ? i : pairing[i]!)]!
  return sum / size
}

function inverseDeviations(deviations: Float64Array, means: Float64Array): Float64Array {
  return deviations.map((deviation, i) => (deviation <= 1e-7 * Math.abs(means[i]!) ? 0 : 1 / deviation))
}

function zeros(values: Float64Array): number[] {
  return [...values.keys()].filter((i) => values[i] === 0)
}
