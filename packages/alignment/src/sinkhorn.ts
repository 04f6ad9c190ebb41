import { type Tensor, UserError } from '@isthmus/tensor'

/** How entropic transports are computed. */
export interface SinkhornSettings {
  /** ε, in units of the largest cost. */
  readonly regularization: number
  /** By how much the sum of a column may differ from 1. */
  readonly tolerance: number
  readonly maxIterations: number
}

/** ε as Imfeld et al. found it best for weights, on vision transformers: 0.06 of the largest cost.
 *
 *  @see Their experiments/fuse_hf_vit_cifar10.yaml, `sinkhorn_reg`, with `gnd_metric.norm: max`.
 */
export const sinkhornDefaults: SinkhornSettings = { regularization: 0.06, tolerance: 1e-6, maxIterations: 10_000 }

/** The entropic optimal transport between uniform marginals, as a soft map.
 *
 *      P = argmin Σ_ij P_ij C_ij + ε Σ_ij P_ij (ln P_ij − 1),   P 1 = Pᵀ 1 = 1/d,   T = d P = exp((f 1ᵀ + 1 gᵀ − C)/ε)
 *
 *  Sinkhorn's iteration on the potentials f and g, in the log domain and f64, so that no ε under- or overflows. The rows
 *  of T sum to 1 to rounding, the columns to the tolerance. As ε → 0 it tends to the optimal permutation, as ε → ∞ to
 *  the mean of all.
 *  @param costs C, `[d, d]`, finite, at least 0; not modified. ε is a multiple of its largest.
 *  @returns T, `[d, d]`, row = feature of A.
 *  @throws {UserError} when the iterations do not suffice.
 *  @see Cuturi (2013), Sinkhorn distances; Peyré & Cuturi (2019), Computational optimal transport, §4.4.
 */
export function sinkhorn(
  costs: Float64Array,
  size: number,
  { regularization, tolerance, maxIterations }: SinkhornSettings,
): Tensor {
  const largest = costs.reduce((maximum, cost) => Math.max(maximum, cost), 0) || 1
  const scaled = costs.map((cost) => cost / largest / regularization)
  const transposed = scaled.map((_, k) => scaled[(k % size) * size + Math.floor(k / size)]!)
  let columns: Float64Array = new Float64Array(size)
  let error = Infinity
  for (let iteration = 0; iteration < maxIterations; iteration++) {
    const rows = potentials(scaled, columns)
    const next = potentials(transposed, rows)
    error = next.reduce((largestError, g, j) => Math.max(largestError, Math.abs(Math.expm1(columns[j]! - g))), 0)
    if (error <= tolerance) return softMap(scaled, rows, columns)
    columns = next
  }
  throw new UserError(
    `Sinkhorn’s iteration has not converged in ${maxIterations} steps: columns differ from 1 by ${error.toExponential(1)}, ` +
      `where ${tolerance} is allowed; choose a regularisation larger than ${regularization}`,
  )
}

/** f_i = −ln Σ_j exp(g_j − C_ij), all in units of ε. */
function potentials(costs: Float64Array, others: Float64Array): Float64Array {
  const size = others.length
  return others.map((_, i) => {
    const base = i * size
    let largest = -Infinity
    for (let j = 0; j < size; j++) largest = Math.max(largest, others[j]! - costs[base + j]!)
    let sum = 0
    for (let j = 0; j < size; j++) sum += Math.exp(others[j]! - costs[base + j]! - largest)
    return -largest - Math.log(sum)
  })
}

function softMap(costs: Float64Array, rows: Float64Array, columns: Float64Array): Tensor {
  const size = rows.length
  const data = new Float32Array(size * size)
  for (let i = 0, k = 0; i < size; i++) {
    for (let j = 0; j < size; j++, k++) data[k] = Math.exp(rows[i]! + columns[j]! - costs[k]!)
  }
  return { shape: [size, size], data }
}
