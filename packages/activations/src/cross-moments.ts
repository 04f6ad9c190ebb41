import type { Program } from '@isthmus/engine'
import type { Graph } from '@isthmus/model'
import { ShapeError, type Tensor } from '@isthmus/tensor'

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

/** The graph of one cross product, `left [rows, dA]ᵀ right [rows, dB]`, which an engine computes for `CrossMoments`. */
export function crossProductGraph(widthA: number, widthB: number): Graph {
  return {
    architecture: 'cross-product',
    inputs: [
      { name: 'left', dtype: 'float32', shape: ['rows', widthA] },
      { name: 'right', dtype: 'float32', shape: ['rows', widthB] },
    ],
    parameters: [],
    nodes: [
      { op: 'matmul', left: 'left', right: 'right', transposeLeft: true, transposeRight: false, output: 'product' },
    ],
    taps: [],
    outputs: { product: 'product' },
  }
}

/** Accumulate the moments of two models' features over batches of rows.
 *
 *      n, Σ x_A, Σ x_B, Σ x_A², Σ x_B², Σ x_A x_Bᵀ
 *
 *  in f64, of values shifted by the means of the first batch, which removes the cancellation that a large mean causes.
 *  Products of one batch are f32 GEMMs by the engine. Memory is O(dA·dB) whatever the number of rows; any split of the
 *  rows gives the same result to rounding, and the same split the same bits. Only the A×B block is computed.
 *
 *  @see Chan, Golub & LeVeque (1983), Algorithms for computing the sample variance, for the shift.
 */
export class CrossMoments {
  readonly #program: Program
  readonly #a: SideMoments
  readonly #b: SideMoments
  readonly #cross: Float64Array
  #count = 0

  /** @param program `crossProductGraph(widthA, widthB)` compiled for its output `product`. */
  constructor(program: Program, widthA: number, widthB: number) {
    this.#program = program
    this.#a = new SideMoments(widthA)
    this.#b = new SideMoments(widthB)
    this.#cross = new Float64Array(widthA * widthB)
  }

  /** Add the features of some rows.
   *  @param a A's features, `[rows, dA]`; not modified.
   *  @param b B's features of the same rows, `[rows, dB]`; not modified.
   *  @throws {ShapeError} when the numbers of rows differ.
   */
  async add(a: Tensor, b: Tensor): Promise<void> {
    const rows = a.shape[0]!
    if (rows !== b.shape[0]) {
      throw new ShapeError(`features of the same rows are needed, found ${rows} rows of A and ${b.shape[0]} of B`)
    }
    if (rows === 0) return
    const left = this.#a.add(a)
    const right = this.#b.add(b)
    const { product } = await this.#program.run(new Map(), { left, right })
    const values = product!.data
    const cross = this.#cross
    for (let i = 0; i < cross.length; i++) cross[i]! += values[i]!
    this.#count += rows
  }

  /** The moments of all rows so far; new arrays. */
  result(): FeatureMoments {
    const n = this.#count
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

/** First and second moments of one model's features, shifted by the means of the first batch. */
class SideMoments {
  readonly sum: Float64Array
  readonly #squares: Float64Array
  #shift: Float32Array | null = null

  constructor(width: number) {
    this.sum = new Float64Array(width)
    this.#squares = new Float64Array(width)
  }

  /** Take up a batch; returns its values less the shift, in a new tensor. */
  add({ shape, data }: Tensor): Tensor {
    const width = this.sum.length
    this.#shift ??= columnMeans(data, width)
    const [shift, sum, squares] = [this.#shift, this.sum, this.#squares]
    const shifted = new Float32Array(data.length)
    for (let base = 0; base < data.length; base += width) {
      for (let column = 0; column < width; column++) {
        const value = Math.fround(data[base + column]! - shift[column]!)
        shifted[base + column] = value
        sum[column]! += value
        squares[column]! += value * value
      }
    }
    return { shape, data: shifted }
  }

  mean(count: number): Float64Array {
    return this.sum.map((sum, i) => sum / count + this.#shift![i]!)
  }

  standardDeviation(count: number): Float64Array {
    return this.sum.map((sum, i) => Math.sqrt(Math.max(0, this.#squares[i]! / count - (sum / count) ** 2)))
  }
}

function columnMeans(data: Float32Array, width: number): Float32Array {
  const sums = new Float64Array(width)
  for (let i = 0; i < data.length; i++) sums[i % width]! += data[i]!
  return Float32Array.from(sums, (sum) => sum / (data.length / width))
}
