/** The error function, to within 1e-15.
 *
 *      erf x = (2/√π) ∫₀ˣ exp(−t²) dt
 *            = (2/√π) exp(−x²) Σ_n 2ⁿ x²ⁿ⁺¹ / (1·3·…·(2n+1))                                    |x| < 1.5
 *            = 1 − exp(−x²)/√π · 1/(x + (1/2)/(x + (2/2)/(x + (3/2)/(x + …))))                    x ≥ 1.5
 *
 *  The terms of the series have one sign, so nothing cancels; the continued fraction, of 120 terms, converges for all
 *  x > 0.
 *  @see Abramowitz & Stegun (1964), Handbook of Mathematical Functions, (7.1.6) and (7.1.14).
 */
export function erf(x: number): number {
  if (Number.isNaN(x)) return Number.NaN
  if (Math.abs(x) >= 6) return Math.sign(x)
  return Math.abs(x) < 1.5 ? series(x) : Math.sign(x) * (1 - continuedFraction(Math.abs(x)))
}

function series(x: number): number {
  let term = x
  let sum = x
  for (let n = 1; Math.abs(term) > Number.EPSILON * 1e-2 * Math.abs(sum); n++) {
    term *= (2 * x * x) / (2 * n + 1)
    sum += term
  }
  return (2 / Math.sqrt(Math.PI)) * Math.exp(-x * x) * sum
}

function continuedFraction(x: number): number {
  let denominator = x
  for (let n = 120; n >= 1; n--) denominator = x + n / 2 / denominator
  return Math.exp(-x * x) / Math.sqrt(Math.PI) / denominator
}
