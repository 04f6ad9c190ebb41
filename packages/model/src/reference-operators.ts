import { elementCount, type Tensor, UserError } from '@isthmus/tensor'
import { erf } from './erf.ts'
import type { Node, WeightLayout } from './graph.ts'

/** An f64 array with a shape: every value of the reference interpreter, indices too. */
export type Value = Tensor<Float64Array>

/** Copy numbers into a value. */
export function toValue({ shape, data }: Tensor<Float64Array | Float32Array | Int32Array>): Value {
  return { shape, data: Float64Array.from(data) }
}

/** Rows of `table [n, width]` at `indices […]`: `[…, width]`.
 *
 *  @throws {UserError} naming an index outside of the table.
 */
export function gather(table: Value, indices: Value): Value {
  const [numRows, width] = table.shape as [number, number]
  const result = zeros([...indices.shape, width])
  indices.data.forEach((index, i) => {
    if (!(index >= 0 && index < numRows)) throw new UserError(`index ${index} is outside of a table of ${numRows} rows`)
    result.data.set(row(table, index), i * width)
  })
  return result
}

/** Rows `offset` to `offset + sequence − 1` of `table [n, width]` or `[1, n, width]`, for `like [batch, sequence, …]`.
 *
 *  @throws {UserError} where the table has fewer rows.
 */
export function positions(table: Value, like: Value, offset = 0): Value {
  const rows = { shape: table.shape.slice(-2), data: table.data }
  return gather(rows, range(offset, like.shape[1]!))
}

/** Row `index` of `table [n, width]`: `[width]`. */
export function rowOf(table: Value, index: number): Value {
  return { shape: table.shape.slice(1), data: row(table, index).slice() }
}

/** The squares of `size` of `input [batch, channels, height, width]`, row by row, each flattened channel by channel:
 *  `[batch, patches, channels·size²]`.
 */
export function patches(input: Value, size: number): Value {
  const [batch, channels, height, width] = input.shape as [number, number, number, number]
  const [rows, columns] = [height / size, width / size]
  const result = zeros([batch, rows * columns, channels * size * size])
  let next = 0
  for (let b = 0; b < batch; b++) {
    for (let patch = 0; patch < rows * columns; patch++) {
      const [top, left] = [Math.floor(patch / columns) * size, (patch % columns) * size]
      for (let c = 0; c < channels; c++) {
        for (let y = top; y < top + size; y++) {
          const start = ((b * channels + c) * height + y) * width + left
          result.data.set(input.data.subarray(start, start + size), next)
          next += size
        }
      }
    }
  }
  return result
}

/** The token `table [1, 1, width]` before each sequence of `input [batch, n, width]`: `[batch, n + 1, width]`. */
export function prepend(table: Value, input: Value): Value {
  const [batch, length, width] = input.shape as [number, number, number]
  const result = zeros([batch, length + 1, width])
  for (let b = 0; b < batch; b++) {
    result.data.set(table.data, b * (length + 1) * width)
    result.data.set(input.data.subarray(b * length * width, (b + 1) * length * width), (b * (length + 1) + 1) * width)
  }
  return result
}

/** `y = x Wᵀ + b` over the last axis, with `W [out, …]`, its rows flattened; of `inOut`, `y = x W + b`. */
export function linear(input: Value, weight: Value, bias: Value | null, layout: WeightLayout = 'outIn'): Value {
  const w = layout === 'inOut' ? transpose(weight) : weight
  const [out, into] = [w.shape[0]!, elementCount(w.shape.slice(1))]
  const result = zeros([...input.shape.slice(0, -1), out])
  for (let r = 0; r < rowCount(input); r++) {
    const x = row(input, r)
    for (let o = 0; o < out; o++) {
      let sum = bias === null ? 0 : bias.data[o]!
      for (let i = 0; i < into; i++) sum += w.data[o * into + i]! * x[i]!
      result.data[r * out + o] = sum
    }
  }
  return result
}

/** Features `start` to `start + size − 1` of the last axis. */
export function slice(input: Value, { start, size }: { readonly start: number; readonly size: number }): Value {
  const result = zeros([...input.shape.slice(0, -1), size])
  for (let r = 0; r < rowCount(input); r++) result.data.set(row(input, r).subarray(start, start + size), r * size)
  return result
}

/** The product of two matrices, either transposed. */
export function matmul(left: Value, right: Value, transposeLeft: boolean, transposeRight: boolean): Value {
  const a = transposeLeft ? transpose(left) : left
  return linear(a, transposeRight ? right : transpose(right), null)
}

/** `left + right`, with `right` broadcast over the leading axes of `left`. */
export function add(left: Value, right: Value): Value {
  return { shape: left.shape, data: left.data.map((x, i) => x + right.data[i % right.data.length]!) }
}

/** `(x − mean) / sqrt(var + ε) · γ + β` over the last axis, with the variance of the population. */
export function layerNorm(input: Value, weight: Value, bias: Value, epsilon: number): Value {
  return mapRows(input, (x) => {
    const mean = sum(x) / x.length
    const variance = sum(x.map((element) => (element - mean) ** 2)) / x.length
    return x.map((element, i) => ((element - mean) / Math.sqrt(variance + epsilon)) * weight.data[i]! + bias.data[i]!)
  })
}

/** `x Φ(x)`, exactly or by tanh.
 *
 *  @see Hendrycks & Gimpel (2016), Gaussian Error Linear Units, section 2.
 */
export function gelu(x: number, approximation: 'none' | 'tanh'): number {
  return approximation === 'none'
    ? (x / 2) * (1 + erf(x / Math.SQRT2))
    : (x / 2) * (1 + Math.tanh(Math.sqrt(2 / Math.PI) * (x + 0.044715 * x ** 3)))
}

/** Apply a function to every element. */
export function elementwise(input: Value, f: (x: number) => number): Value {
  return { shape: input.shape, data: input.data.map((x) => f(x)) }
}

/** The heads' contexts, concatenated: for each head `softmax(q kᵀ / √d_k + mask) v`.
 *
 *  A token that may not be attended to gets the most negative score rather than −∞, so that a query that may attend to
 *  nothing attends evenly, as in Hugging Face's implementation.
 *  @see Vaswani et al. (2017), Attention Is All You Need, eq. (1).
 */
export function attention(
  query: Value,
  key: Value,
  value: Value,
  mask: Value | null,
  { numHeads, causal }: Pick<Extract<Node, { op: 'attention' }>, 'numHeads' | 'causal'>,
): Value {
  const [batch, sequence, width] = query.shape as [number, number, number]
  const keySize = width / numHeads
  const valueSize = value.shape[2]! / numHeads
  const context = zeros(value.shape)
  for (let b = 0; b < batch; b++) {
    for (let h = 0; h < numHeads; h++) {
      for (let i = 0; i < sequence; i++) {
        const q = row(query, b * sequence + i).subarray(h * keySize, (h + 1) * keySize)
        const scores = Float64Array.from({ length: sequence }, (_, j) => {
          const allowed = (!causal || j <= i) && (mask === null || mask.data[b * sequence + j] === 1)
          if (!allowed) return -Number.MAX_VALUE
          const k = row(key, b * sequence + j).subarray(h * keySize, (h + 1) * keySize)
          return dot(q, k) / Math.sqrt(keySize)
        })
        const out = row(context, b * sequence + i).subarray(h * valueSize, (h + 1) * valueSize)
        softmaxRow(scores).forEach((weight, j) => {
          const v = row(value, b * sequence + j).subarray(h * valueSize, (h + 1) * valueSize)
          for (let c = 0; c < valueSize; c++) out[c] = out[c]! + weight * v[c]!
        })
      }
    }
  }
  return context
}

/** Rows of `input [batch, sequence, width]` at `indices [n]` into the flattened `batch·sequence`: `[n, width]`. */
export function select(input: Value, indices: Value): Value {
  return gather({ shape: [rowCount(input), input.shape[2]!], data: input.data }, indices)
}

/** The first token: `input[:, 0, :]`. */
export function first(input: Value): Value {
  const [batch, sequence] = input.shape as [number, number]
  return select(input, range(0, batch, sequence))
}

/** `exp(x_i) / Σ_j exp(x_j)` over the last axis. */
export function softmax(input: Value): Value {
  return mapRows(input, softmaxRow)
}

/** `ln Σ_j exp(x_j) − x_label` of each row of `logits [n, c]`: `[n]`.
 *
 *  @throws {UserError} naming a label that is no class.
 */
export function crossEntropy(logits: Value, labels: Value): Value {
  const classes = logits.shape[1]!
  const data = labels.data.map((label, r) => {
    if (!(label >= 0 && label < classes)) throw new UserError(`label ${label} is none of ${classes} classes`)
    const x = row(logits, r)
    const largest = Math.max(...x)
    return largest + Math.log(sum(x.map((element) => Math.exp(element - largest)))) - x[label]!
  })
  return { shape: labels.shape, data }
}

/** `(prediction − label)²` of each row of `predictions [n, 1]`: `[n]`. */
export function squaredError(predictions: Value, labels: Value): Value {
  return { shape: labels.shape, data: labels.data.map((label, r) => (predictions.data[r]! - label) ** 2) }
}

function softmaxRow(x: Float64Array): Float64Array {
  const largest = Math.max(...x)
  const exponentials = x.map((element) => Math.exp(element - largest))
  const total = sum(exponentials)
  return exponentials.map((element) => element / total)
}

function mapRows(input: Value, f: (x: Float64Array) => Float64Array): Value {
  const result = zeros(input.shape)
  for (let r = 0; r < rowCount(input); r++) result.data.set(f(row(input, r)), r * input.shape.at(-1)!)
  return result
}

function transpose({ shape: [m, n], data }: Value): Value {
  return { shape: [n!, m!], data: data.map((_, i) => data[(i % m!) * n! + Math.floor(i / m!)]!) }
}

/** `start`, `start + step`, …: as many as `length`. */
function range(start: number, length: number, step = 1): Value {
  return { shape: [length], data: Float64Array.from({ length }, (_, i) => start + i * step) }
}

function zeros(shape: readonly number[]): Value {
  return { shape, data: new Float64Array(elementCount(shape)) }
}

function rowCount(x: Value): number {
  return elementCount(x.shape.slice(0, -1))
}

/** A view of one row: the last axis at flat leading index `index`. */
function row(x: Value, index: number): Float64Array {
  const width = x.shape.at(-1)!
  return x.data.subarray(index * width, (index + 1) * width)
}

function dot(a: Float64Array, b: Float64Array): number {
  return a.reduce((total, x, i) => total + x * b[i]!, 0)
}

function sum(x: Float64Array): number {
  return x.reduce((total, element) => total + element, 0)
}
