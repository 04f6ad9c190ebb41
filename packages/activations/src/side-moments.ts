import type { Tensor } from '@isthmus/tensor'

/** Rows whose means are the shift. It need only be near: within a fraction of a standard deviation. */
const rowsOfShift = 64

/** First and second moments of one model's features, shifted by the means of the first rows. */
export class SideMoments {
  /** Sums of the shifted features, `[width]`. */
  readonly sum: Float64Array
  readonly #squares: Float64Array
  /** What the features are shifted by: less their means in the first rows. */
  #offset: Float32Array | null = null

  constructor(width: number) {
    this.sum = new Float64Array(width)
    this.#squares = new Float64Array(width)
  }

  /** Take up a batch.
   *
   *  @param data `[rows, width]`; not modified.
   *  @returns What to add to each row for the shift, `[width]`: the same for all batches.
   */
  add(data: Float32Array): Tensor {
    const width = this.sum.length
    this.#offset ??= columnMeans(data.subarray(0, rowsOfShift * width), width).map((mean) => -mean)
    const whole = data.length - (data.length % (8 * width))
    for (let base = 0; base < whole; base += 8 * width) addEightRows(data, base, this.#offset, this.sum, this.#squares)
    for (let base = whole; base < data.length; base += width) addRow(data, base, this.#offset, this.sum, this.#squares)
    return { shape: [width], data: this.#offset }
  }

  mean(count: number): Float64Array {
    return this.sum.map((sum, i) => sum / count - this.#offset![i]!)
  }

  /** Of the population. */
  standardDeviation(count: number): Float64Array {
    return this.sum.map((sum, i) => Math.sqrt(Math.max(0, this.#squares[i]! / count - (sum / count) ** 2)))
  }
}

/** Eight rows at a time: their values are added up in registers, and an accumulator is touched once for all eight. */
function addEightRows(
  data: Float32Array,
  base: number,
  offset: Float32Array,
  sum: Float64Array,
  squares: Float64Array,
): void {
  const width = sum.length
  for (let column = 0; column < width; column++) {
    const first = base + column
    const shift = offset[column]!
    const a = data[first]! + shift
    const b = data[first + width]! + shift
    const c = data[first + 2 * width]! + shift
    const d = data[first + 3 * width]! + shift
    const e = data[first + 4 * width]! + shift
    const f = data[first + 5 * width]! + shift
    const g = data[first + 6 * width]! + shift
    const h = data[first + 7 * width]! + shift
    sum[column]! += a + b + (c + d) + (e + f + (g + h))
    squares[column]! += a * a + b * b + (c * c + d * d) + (e * e + f * f + (g * g + h * h))
  }
}

function addRow(
  data: Float32Array,
  base: number,
  offset: Float32Array,
  sum: Float64Array,
  squares: Float64Array,
): void {
  for (let column = 0; column < sum.length; column++) {
    const value = data[base + column]! + offset[column]!
    sum[column]! += value
    squares[column]! += value * value
  }
}

function columnMeans(data: Float32Array, width: number): Float32Array {
  const sums = new Float64Array(width)
  for (let base = 0; base < data.length; base += width) {
    for (let column = 0; column < width; column++) sums[column]! += data[base + column]!
  }
  return Float32Array.from(sums, (sum) => sum / (data.length / width))
}
