import { ShapeError, type Tensor, UserError } from '@isthmus/tensor'
import type { CrossProduct } from './cross-product.ts'
import { SideMoments } from './side-moments.ts'

/** The statistics of two models' features over the same tokens, from which correlation and covariance follow. */
export interface FeatureMoments {
  /** The number of rows (tokens) seen. */
  readonly count: number
  /** Means of A's and B's features, `[dA]` and `[dB]`. */
  readonly meanA: Float64Array
  readonly meanB: Float64Array
  /** Population standard deviations, `[dA]` and `[dB]`; 0 for a constant feature. */
  readonly standardDeviationA: Float64Array
  readonly standardDeviationB: Float64Array
  /** Cross-covariance, row = feature of A: `[dA, dB]`, row-major. */
  readonly covariance: Float64Array
}

/** Accumulate the moments of two models' features over batches of rows.
 *
 *      n, Σ x_A, Σ x_B, Σ x_A², Σ x_B², Σ x_A x_Bᵀ
 *
 *  in f64, of values shifted by the means of the first batch, which removes the cancellation that a large mean causes.
 *  Products of one batch are f32 GEMMs by the engine, so a batch should have hundreds of rows, or adding up the products
 *  takes longer than making them. Memory is O(dA·dB) whatever the number of rows; any split of the rows gives the same
 *  result to rounding, and the same split the same bits. Only the A×B block is computed.
 *
 *  @see Chan, Golub & LeVeque (1983), Algorithms for computing the sample variance, for the shift.
 */
export class CrossMoments {
  readonly #product: CrossProduct
  readonly #a: SideMoments
  readonly #b: SideMoments
  readonly #cross: Float64Array
  #count = 0

  /** @param product Of the features' widths; shared with other moments as long as no two `add` at once. */
  constructor(product: CrossProduct) {
    this.#product = product
    this.#a = new SideMoments(product.widthA)
    this.#b = new SideMoments(product.widthB)
    this.#cross = new Float64Array(product.widthA * product.widthB)
  }

  /** Add the features of some rows.
   *  @param a A's features, `[rows, dA]`; not modified.
   *  @param b B's features of the same rows, `[rows, dB]`; not modified.
   *  @throws {ShapeError} when the numbers of rows differ, or a width is another.
   */
  async add(a: Tensor, b: Tensor): Promise<void> {
    const rows = a.shape[0]!
    const { widthA, widthB } = this.#product
    if (rows !== b.shape[0] || a.shape[1] !== widthA || b.shape[1] !== widthB) {
      throw new ShapeError(
        `features [rows, ${widthA}] of A and [rows, ${widthB}] of B over the same rows are needed, found ` +
          `[${a.shape.join(', ')}] and [${b.shape.join(', ')}]`,
      )
    }
    if (rows === 0) return
    const { left, right } = this.#product.factors(rows)
    this.#a.add(a.data, left.data)
    this.#b.add(b.data, right.data)
    const products = await this.#product.multiply(left, right)
    const cross = this.#cross
    for (let i = 0; i < cross.length; i++) cross[i]! += products[i]!
    this.#count += rows
  }

  /** The moments of all rows so far; new arrays.
   *
   *  @throws {UserError} when there were none.
   */
  result(): FeatureMoments {
    const n = this.#count
    if (n === 0) throw new UserError('the features of no token were given: correlations need at least one')
    const covariance = new Float64Array(this.#cross.length)
    const [sumA, sumB] = [this.#a.sum, this.#b.sum]
    for (let i = 0, k = 0; i < sumA.length; i++) {
      const meanA = sumA[i]! / n
      for (let j = 0; j < sumB.length; j++, k++) covariance[k] = this.#cross[k]! / n - meanA * (sumB[j]! / n)
    }
    return {
      count: n,
      meanA: this.#a.mean(n),
      meanB: this.#b.mean(n),
      standardDeviationA: this.#a.standardDeviation(n),
      standardDeviationB: this.#b.standardDeviation(n),
      covariance,
    }
  }
}
