import { assertPaired, type Values } from './paired-values.ts'

/** The linear correlation of predicted with actual scores.
 *
 *      r = Σ_i (ŷ_i − ȳ̂)(y_i − ȳ) / √(Σ_i (ŷ_i − ȳ̂)² Σ_i (y_i − ȳ)²)
 *
 *  in f64. Where all predictions are one value, or all labels are, it is undefined: NaN, as SciPy's `pearsonr` has it,
 *  which GLUE is scored with. A value that is not finite makes it NaN too.
 *  @param predictions Scores, shape `[n]`.
 *  @param labels Scores, shape `[n]`.
 *  @returns From −1 to 1, or NaN.
 *  @throws {ShapeError} when the lengths differ.
 *  @throws {UserError} when there are fewer than two scores.
 *  @see Pearson (1896), Regression, Heredity and Panmixia.
 */
export function pearsonCorrelation(predictions: Values, labels: Values): number {
  assertPaired(predictions, labels, 2)
  const [x, y] = [centred(predictions), centred(labels)]
  let [products, xSquares, ySquares] = [0, 0, 0]
  for (let i = 0; i < x.length; i++) {
    products += x[i]! * y[i]!
    xSquares += x[i]! * x[i]!
    ySquares += y[i]! * y[i]!
  }
  const denominator = Math.sqrt(xSquares) * Math.sqrt(ySquares)
  return denominator === 0 ? Number.NaN : Math.min(1, Math.max(-1, products / denominator))
}

/** Values less their mean, as a share of the largest deviation; zeros where all are equal, which rounding of the mean
 *  would hide.
 */
function centred(values: Values): Float64Array {
  const centredValues = Float64Array.from(values)
  const first = centredValues[0]!
  if (centredValues.every((value) => value === first)) return centredValues.fill(0)
  const mean = centredValues.reduce((sum, value) => sum + value / centredValues.length, 0)
  const largest = centredValues.reduce((most, value) => Math.max(most, Math.abs(value - mean)), 0)
  return centredValues.map((value) => (value - mean) / largest)
}
