/** First and second moments of one model's features, shifted by the means of the first batch. */
export class SideMoments {
  /** Sums of the shifted features, `[width]`. */
  readonly sum: Float64Array
  readonly #squares: Float64Array
  #shift: Float32Array | null = null

  constructor(width: number) {
    this.sum = new Float64Array(width)
    this.#squares = new Float64Array(width)
  }

  /** Take up a batch.
   *  @param data `[rows, width]`; not modified.
   *  @param shifted Where its values go, less the shift; of the same length.
   */
  add(data: Float32Array, shifted: Float32Array): void {
    this.#shift ??= columnMeans(data, this.sum.length)
    const fourRows = 4 * this.sum.length
    const tail = data.length - (data.length % fourRows)
    for (let base = 0; base < tail; base += fourRows) this.#addFourRows(data, shifted, base)
    for (let base = tail; base < data.length; base += this.sum.length) this.#addRow(data, shifted, base)
  }

  mean(count: number): Float64Array {
    return this.sum.map((sum, i) => sum / count + this.#shift![i]!)
  }

  /** Of the population. */
  standardDeviation(count: number): Float64Array {
    return this.sum.map((sum, i) => Math.sqrt(Math.max(0, this.#squares[i]! / count - (sum / count) ** 2)))
  }

  /** Four rows at a time: each accumulator is read and written once for all four, and their chains are short. */
  #addFourRows(data: Float32Array, shifted: Float32Array, base: number): void {
    const [shift, sum, squares, width] = [this.#shift!, this.sum, this.#squares, this.sum.length]
    for (let column = 0; column < width; column++) {
      const mean = shift[column]!
      const [first, second] = [base + column, base + column + width]
      const [third, fourth] = [second + width, second + 2 * width]
      const a = data[first]! - mean
      const b = data[second]! - mean
      const c = data[third]! - mean
      const d = data[fourth]! - mean
      shifted[first] = a
      shifted[second] = b
      shifted[third] = c
      shifted[fourth] = d
      sum[column]! += a + b + (c + d)
      squares[column]! += a * a + b * b + (c * c + d * d)
    }
  }

  #addRow(data: Float32Array, shifted: Float32Array, base: number): void {
    const [shift, sum, squares] = [this.#shift!, this.sum, this.#squares]
    for (let column = 0; column < sum.length; column++) {
      const value = data[base + column]! - shift[column]!
      shifted[base + column] = value
      sum[column]! += value
      squares[column]! += value * value
    }
  }
}

function columnMeans(data: Float32Array, width: number): Float32Array {
  const sums = new Float64Array(width)
  for (let base = 0; base < data.length; base += width) {
    for (let column = 0; column < width; column++) sums[column]! += data[base + column]!
  }
  return Float32Array.from(sums, (sum) => sum / (data.length / width))
}
