import type { WeightLayout } from '@isthmus/model'
import * as tf from '@tensorflow/tfjs'
import { withGradient } from './with-gradient.ts'

/** Rows of `table [n, width]` at `indices […]`: `[…, width]`. Rows read twice get the sum of both gradients. */
export function gather(table: tf.Tensor, indices: tf.Tensor): tf.Tensor {
  return withGradient(
    [table],
    (save) => {
      save(indices)
      return tf.gather(table, indices)
    },
    (dy, [read]) => {
      const width = table.shape[1]!
      return [tf.scatterND(tf.reshape(read!, [-1, 1]), tf.reshape(dy, [-1, width]), table.shape)]
    },
  )
}

/** `x Wᵀ + b`, or `x W + b` where weights are `inOut`, over the last axis of `x`. */
export function linear(
  input: tf.Tensor,
  weight: tf.Tensor,
  bias: tf.Tensor | null,
  weightLayout: WeightLayout,
): tf.Tensor {
  const outIn = weightLayout === 'outIn'
  const [rows, columns] = [weight.shape[0]!, weight.size / weight.shape[0]!]
  const [into, out] = outIn ? [columns, rows] : [rows, columns]
  return withGradient(
    bias === null ? [input, weight] : [input, weight, bias],
    (save) => {
      save(input, weight)
      const x = tf.reshape(input, [-1, into])
      const product = tf.matMul(x, tf.reshape(weight, [rows, columns]), false, outIn)
      return tf.reshape(bias === null ? product : tf.add(product, bias), [...input.shape.slice(0, -1), out])
    },
    (dy, [x, w]) => {
      const dyRows = tf.reshape(dy, [-1, out])
      const xRows = tf.reshape(x!, [-1, into])
      const dx = tf.matMul(dyRows, tf.reshape(w!, [rows, columns]), false, !outIn)
      const dw = outIn ? tf.matMul(dyRows, xRows, true, false) : tf.matMul(xRows, dyRows, true, false)
      const gradients = [tf.reshape(dx, x!.shape), tf.reshape(dw, w!.shape)]
      return bias === null ? gradients : [...gradients, sumRows(dyRows)]
    },
  )
}

/** `(x − mean) / sqrt(var + ε) · γ + β` over the last axis. */
export function layerNorm(input: tf.Tensor, weight: tf.Tensor, bias: tf.Tensor, epsilon: number): tf.Tensor {
  const width = input.shape.at(-1)!
  return withGradient(
    [input, weight, bias],
    (save) => {
      const x = tf.reshape(input, [-1, width])
      const centred = tf.sub(x, tf.mean(x, 1, true))
      const scale = tf.rsqrt(tf.add(tf.mean(tf.square(centred), 1, true), epsilon))
      const normalised = tf.mul(centred, scale)
      save(normalised, scale, weight)
      return tf.reshape(tf.add(tf.mul(normalised, weight), bias), input.shape)
    },
    (dy, [normalised, scale, gamma]) => {
      const dyRows = tf.reshape(dy, [-1, width])
      const dyNormalised = tf.mul(dyRows, normalised!)
      const g = tf.mul(dyRows, gamma!)
      const along = tf.mul(normalised!, tf.mean(tf.mul(g, normalised!), 1, true))
      const dx = tf.mul(scale!, tf.sub(tf.sub(g, tf.mean(g, 1, true)), along))
      return [tf.reshape(dx, dy.shape), sumRows(dyNormalised), sumRows(dyRows)]
    },
  )
}

/** `x Φ(x)`, exactly or by tanh. */
export function gelu(input: tf.Tensor, approximation: 'none' | 'tanh'): tf.Tensor {
  return approximation === 'none' ? exactGelu(input) : tanhGelu(input)
}

function exactGelu(input: tf.Tensor): tf.Tensor {
  return withGradient(
    [input],
    (save) => {
      const distribution = tf.mul(tf.add(tf.erf(tf.mul(input, Math.SQRT1_2)), 1), 0.5)
      save(input, distribution)
      return tf.mul(input, distribution)
    },
    (dy, [x, distribution]) => {
      const density = tf.mul(tf.exp(tf.mul(tf.square(x!), -0.5)), 1 / Math.sqrt(2 * Math.PI))
      return [tf.mul(dy, tf.add(distribution!, tf.mul(x!, density)))]
    },
  )
}

function tanhGelu(input: tf.Tensor): tf.Tensor {
  const [scale, cubic] = [Math.sqrt(2 / Math.PI), 0.044715]
  return withGradient(
    [input],
    (save) => {
      const inner = tf.mul(tf.mul(input, tf.add(tf.mul(tf.square(input), cubic), 1)), scale)
      const bent = tf.tanh(inner)
      save(input, bent)
      return tf.mul(tf.mul(input, 0.5), tf.add(bent, 1))
    },
    (dy, [x, bent]) => {
      const slope = tf.mul(tf.add(tf.mul(tf.square(x!), 3 * cubic), 1), scale)
      const bentSlope = tf.mul(tf.sub(1, tf.square(bent!)), slope)
      return [tf.mul(tf.mul(dy, 0.5), tf.add(tf.add(bent!, 1), tf.mul(x!, bentSlope)))]
    },
  )
}

/** `ln Σ_j exp(x_j) − x_label` of each row of `logits [n, c]`: `[n]`. */
export function crossEntropy(logits: tf.Tensor, labels: tf.Tensor): tf.Tensor {
  const [n, classes] = logits.shape as [number, number]
  return withGradient(
    [logits],
    (save) => {
      const shifted = tf.sub(logits, tf.max(logits, 1, true))
      const exponentials = tf.exp(shifted)
      const sums = tf.sum(exponentials, 1, true)
      const places = tf.stack([tf.range(0, n, 1, 'int32'), labels], 1)
      save(exponentials, sums, places)
      return tf.sub(tf.reshape(tf.log(sums), [n]), tf.gatherND(shifted, places))
    },
    (dy, [exponentials, sums, places]) => {
      const scale = tf.div(tf.reshape(dy, [n, 1]), sums!)
      return [tf.sub(tf.mul(exponentials!, scale), tf.scatterND(places!, dy, [n, classes]))]
    },
  )
}

/** `(prediction − label)²` of each row of `predictions [n, 1]`: `[n]`. */
export function squaredError(predictions: tf.Tensor, labels: tf.Tensor): tf.Tensor {
  return tf.square(tf.sub(tf.reshape(predictions, labels.shape), labels))
}

/** Rows `offset` to `offset + length − 1` of `table [n, width]` or `[1, n, width]`: `[length, width]`. */
export function positions(table: tf.Tensor, offset: number, length: number): tf.Tensor {
  const width = table.shape.at(-1)!
  return tf.slice(tf.reshape(table, [-1, width]), [offset, 0], [length, width])
}

/** Row `index` of `table [n, width]`: `[width]`. */
export function row(table: tf.Tensor, index: number): tf.Tensor {
  return tf.reshape(positions(table, index, 1), [table.shape[1]!])
}

/** The squares of `size` of `input [batch, channels, height, width]`, row by row, each flattened channel by channel:
 *  `[batch, patches, channels·size²]`. */
export function patches(input: tf.Tensor, size: number): tf.Tensor {
  const [batch, channels, height, width] = input.shape as [number, number, number, number]
  const [rows, columns] = [height / size, width / size]
  const squares = tf.reshape(input, [batch, channels, rows, size, columns, size])
  const ordered = tf.transpose(squares, [0, 2, 4, 1, 3, 5])
  return tf.reshape(ordered, [batch, rows * columns, channels * size * size])
}

/** The token `table [1, 1, width]` before each sequence of `input [batch, n, width]`: `[batch, n + 1, width]`. */
export function prepend(table: tf.Tensor, input: tf.Tensor): tf.Tensor {
  const [batch, , width] = input.shape as [number, number, number]
  return tf.concat([tf.add(tf.zeros([batch, 1, width]), table), input], 1)
}

/** Features `start` to `start + size − 1` of the last axis. */
export function sliceFeatures(input: tf.Tensor, start: number, size: number): tf.Tensor {
  const outer = input.shape.slice(0, -1)
  return tf.slice(input, [...outer.map(() => 0), start], [...outer, size])
}

/** Rows of `input [batch, sequence, width]`, flattened to `[batch·sequence, width]`, at `indices [n]`: `[n, width]`. */
export function select(input: tf.Tensor, indices: tf.Tensor): tf.Tensor {
  return gather(tf.reshape(input, [-1, input.shape[2]!]), indices)
}

/** The first token of each sequence: `[batch, width]`. */
export function first(input: tf.Tensor): tf.Tensor {
  const [batch, , width] = input.shape as [number, number, number]
  return tf.reshape(tf.slice(input, [0, 0, 0], [batch, 1, width]), [batch, width])
}

function sumRows(rows: tf.Tensor): tf.Tensor {
  return tf.sum(rows, 0)
}
