import type { OutputBuffers, Program } from '@isthmus/engine'
import { type Graph, graphBuilder } from '@isthmus/model'
import { ShapeError, type Tensor, UserError } from '@isthmus/tensor'
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

/** The graph of the cross product of some rows, which an engine computes for `CrossMoments`:
 *
 *      (left + leftOffset)ᵀ (right + rightOffset)
 *
 *  with `left [rows, dA]`, `right [rows, dB]` and an offset for each column.
 */
export function crossProductGraph(widthA: number, widthB: number): Graph {
  const graph = graphBuilder('cross-product')
  const shifted = (['left', 'right'] as const).map((side, index) => {
    const width = [widthA, widthB][index]!
    const features = graph.input(side, 'float32', ['rows', width])
    return graph.add(features, graph.input(`${side}Offset`, 'float32', [width]), `${side}Shifted`)
  })
  graph.output('product', graph.matmul(shifted[0]!, shifted[1]!, { left: true }, 'product'))
  return graph.build()
}

/** Accumulate the moments of two models' features over batches of rows.
 *
 *      n, Σ x_A, Σ x_B, Σ x_A², Σ x_B², Σ x_A x_Bᵀ
 *
 *  in f64, of values shifted by the means of the first rows, which removes the cancellation that a large mean causes.
 *  Products of one batch are f32 GEMMs by the engine, so a batch should have hundreds of rows, or adding up the products
 *  takes longer than making them. Memory is O(dA·dB) whatever the number of rows; any split of the rows gives the same
 *  result to rounding, and the same split the same bits. Only the A×B block is computed.
 *
 *  @see Chan, Golub & LeVeque (1983), Algorithms for computing the sample variance, for the shift.
 */
export class CrossMoments {
  readonly #program: Program
  readonly #a: SideMoments
  readonly #b: SideMoments
  /** Σ of the products of shifted features, `[dA, dB]`; null once they are taken. */
  #products: Float64Array | null
  readonly #buffers: OutputBuffers = new Map()
  #count = 0

  /** @param program `crossProductGraph(widthA, widthB)` compiled for its output `product`. */
  constructor(program: Program, widthA: number, widthB: number) {
    this.#program = program
    this.#a = new SideMoments(widthA)
    this.#b = new SideMoments(widthB)
    this.#products = new Float64Array(widthA * widthB)
  }

  /** Add the features of some rows.
   *  @param a A's features, `[rows, dA]`; not modified.
   *  @param b B's features of the same rows, `[rows, dB]`; not modified.
   *  @throws {ShapeError} when the numbers of rows differ, or a width is another.
   */
  async add(a: Tensor, b: Tensor): Promise<void> {
    const rows = a.shape[0]!
    const [widthA, widthB] = [this.#a.sum.length, this.#b.sum.length]
    if (rows !== b.shape[0] || a.shape[1] !== widthA || b.shape[1] !== widthB) {
      throw new ShapeError(
        `features [rows, ${widthA}] of A and [rows, ${widthB}] of B over the same rows are needed, found ` +
          `[${a.shape.join(', ')}] and [${b.shape.join(', ')}]`,
      )
    }
    if (rows === 0) return
    const products = this.#products
    if (products === null) throw new Error('these moments are finished')
    const leftOffset = this.#a.add(a.data)
    const rightOffset = this.#b.add(b.data)
    const { product } = await this.#program.run(
      new Map(),
      { left: a, right: b, leftOffset, rightOffset },
      this.#buffers,
    )
    addTo(products, product!.data)
    this.#count += rows
  }

  /** The moments of all rows, which ends the accumulation: the products' buffer becomes the covariance, the caller's.
   *
   *  @throws {UserError} when there were no rows.
   */
  finish(): FeatureMoments {
    const n = this.#count
    if (n === 0) throw new UserError('the features of no token were given: correlations need at least one')
    const covariance = this.#takeProducts()
    const [sumA, sumB] = [this.#a.sum, this.#b.sum]
    for (let i = 0, k = 0; i < sumA.length; i++) {
      const meanA = sumA[i]! / n
      for (let j = 0; j < sumB.length; j++, k++) covariance[k] = covariance[k]! / n - meanA * (sumB[j]! / n)
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

  #takeProducts(): Float64Array {
    const products = this.#products
    if (products === null) throw new Error('these moments are finished')
    this.#products = null
    return products
  }
}

function addTo(sums: Float64Array, values: Float32Array): void {
  for (let i = 0; i < sums.length; i++) sums[i]! += values[i]!
}

/** Average the moments of several taps: covariances and variances, each tap about its own means.
 *
 *      Σ̄ = 1/T Σ_t Σ_t
 *
 *  @param moments Of features of equal widths over the same rows, at least one.
 *  @returns Moments whose correlation is that of the mean covariance, with the mean of the means.
 */
export function averageMoments(moments: readonly FeatureMoments[]): FeatureMoments {
  const [first] = moments
  if (moments.length === 1) return first!
  const mean = (of: (item: FeatureMoments) => Float64Array) =>
    of(first!).map((_, i) => moments.reduce((sum, item) => sum + of(item)[i]!, 0) / moments.length)
  const deviation = (of: (item: FeatureMoments) => Float64Array) =>
    of(first!).map((_, i) => Math.sqrt(moments.reduce((sum, item) => sum + of(item)[i]! ** 2, 0) / moments.length))
  return {
    count: first!.count,
    meanA: mean((item) => item.meanA),
    meanB: mean((item) => item.meanB),
    standardDeviationA: deviation((item) => item.standardDeviationA),
    standardDeviationB: deviation((item) => item.standardDeviationB),
    covariance: mean((item) => item.covariance),
  }
}
