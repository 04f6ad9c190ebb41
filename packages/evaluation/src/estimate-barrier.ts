import { UserError } from '@isthmus/tensor'
import { nothingToPredict } from './evaluation-loss.ts'
import { studentTQuantile } from './student-t-quantile.ts'

/** The losses of the models on a line, block by block, of blocks in the random order in which they are drawn. */
export interface CurveLosses {
  /** Increasing, from 0 (B) to 1 (A). */
  readonly lambdas: readonly number[]
  /** How many predictions each block has: of all blocks that there are. */
  readonly predictions: ArrayLike<number>
  /** The sums of −ln p over the predictions of each of the blocks `from` … `to − 1`. A λ is asked for its blocks in order,
   *  and for none twice.
   */
  losses(lambda: number, from: number, to: number): Promise<ArrayLike<number>>
}

export interface EstimateBarrierOptions {
  /** How narrow the interval is to be, from its lower to its upper end, in nats. */
  readonly precision: number
  /** The probability with which the interval holds the barrier on all blocks. */
  readonly confidence: number
  /** What a barrier may differ by from one of the same losses taken in other batches, in nats: the interval is wider by as
   *  much on both sides. Default 0.
   */
  readonly rounding?: number
  /** Called after each look with the number of blocks that have been drawn. */
  readonly onLook?: (blocks: number) => void
}

/** A barrier on some of the blocks. Losses in nats. */
export interface BarrierEstimate {
  /** max_λ L(λ) − ½ (L(1) + L(0)) on the blocks that were drawn. */
  readonly barrier: number
  /** The interval of what it is on all blocks; where all were drawn, the barrier itself and what rounding leaves. */
  readonly low: number
  readonly high: number
  /** How many blocks were drawn. */
  readonly blocks: number
  /** In the order of `lambdas`. */
  readonly points: readonly EstimatedPoint[]
}

export interface EstimatedPoint {
  readonly lambda: number
  /** On the blocks that were drawn. Of a λ that was evaluated on fewer: its loss on these, moved as the losses of the λs
   *  on both sides that were evaluated on all of them move from these to all.
   */
  readonly loss: number
  /** How many of the blocks that were drawn, from the first, this λ was evaluated on. */
  readonly blocks: number
  /** The predictions in them. */
  readonly positions: number
}

const firstLook = 16
/** How many times as many blocks each look has as the one before. */
const growth = 1.5
/** Fewer blocks say too little of how much blocks differ. */
const leastBlocks = 64
/** The part of the error that is left to losing the λ of the maximum. */
const selectionPart = 0.5

/** Estimate the barrier between two models from as few blocks as a stated precision needs.
 *
 *  With s_i the summed loss of block i, m_i its predictions, and n of N blocks drawn,
 *
 *      L̂(λ) = Σ s_i(λ) / Σ m_i,    D̂(λ) = L̂(λ) − ½ (L̂(1) + L̂(0)),    e_i = d_i − D̂ m_i,
 *      se² = (1 − n/N) · Σ e_i² / (n − 1) / (n m̄²)
 *
 *  the ratio estimator of a sample without replacement; its error is 0 at n = N. At each look a λ is dropped when its loss
 *  is below the highest by more than t standard errors of the two losses' difference. These are small, for λs that are
 *  near each other fail on the same blocks, so that soon few λs are left, and only they and the ends are evaluated on the
 *  blocks to come. The interval is the union of D̂(λ) ± t se over those that are left. It misses the barrier when the λ of
 *  the maximum was dropped, to which half of the error is left, shared by all λs and looks, or when the interval of that
 *  one λ does, to which the other half is left. When to stop follows from how much the blocks differ, not from where the
 *  interval lies, so that looking more than once costs little coverage; a test measures it by simulation.
 *  @throws {UserError} when nothing is to be predicted, or a loss is not finite.
 *  @see Cochran (1977), Sampling Techniques, ch. 6, on ratio estimators.
 *  @see Chow and Robbins (1965), On the asymptotic theory of fixed-width sequential confidence intervals for the mean.
 */
export async function estimateBarrier(
  curve: CurveLosses,
  { precision, confidence, rounding = 0, onLook }: EstimateBarrierOptions,
): Promise<BarrierEstimate> {
  const total = curve.predictions.length
  const looks = lookSizes(total)
  const selectionError = (selectionPart * (1 - confidence)) / (curve.lambdas.length * looks.length)
  const intervalError = ((1 - selectionPart) * (1 - confidence)) / 2
  const sample = new CurveSample(curve)
  for (const blocks of looks) {
    await sample.draw(blocks)
    onLook?.(blocks)
    sample.dropLower(studentTQuantile(1 - selectionError, blocks - 1))
    const found = sample.barrier(studentTQuantile(1 - intervalError, blocks - 1), rounding)
    if (blocks >= leastBlocks && found.high - found.low <= precision) return { ...found, points: sample.points() }
  }
  await sample.draw(total)
  onLook?.(total)
  sample.dropLower(0)
  return { ...sample.barrier(0, rounding), points: sample.points() }
}

/** How many blocks have been drawn at each look before the last, which is at all of them. */
function lookSizes(total: number): number[] {
  const sizes: number[] = []
  for (let blocks = firstLook; blocks < total; blocks = Math.ceil((growth * blocks) / firstLook) * firstLook) {
    sizes.push(blocks)
  }
  return sizes
}

/** The losses on the blocks drawn so far. Columns are indices of the curve's λs. */
class CurveSample {
  readonly #curve: CurveLosses
  /** Predictions in the first blocks: at n those of n blocks. */
  readonly #positions: Float64Array
  readonly #sums: readonly Float64Array[]
  /** On how many blocks each column has been evaluated. */
  readonly #known: number[]
  #candidates: readonly number[]
  #drawn = 0

  constructor(curve: CurveLosses) {
    const { lambdas, predictions } = curve
    this.#curve = curve
    this.#positions = new Float64Array(predictions.length + 1)
    for (let i = 0; i < predictions.length; i++) this.#positions[i + 1] = this.#positions[i]! + predictions[i]!
    if (this.#positions.at(-1) === 0) throw new UserError(nothingToPredict)
    this.#sums = lambdas.map(() => new Float64Array(predictions.length))
    this.#known = lambdas.map(() => 0)
    this.#candidates = lambdas.map((_, column) => column)
  }

  /** Draw up to so many blocks, and evaluate the ends and the candidates on them. */
  async draw(blocks: number): Promise<void> {
    this.#drawn = blocks
    for (const column of this.#evaluated()) {
      const known = this.#known[column]!
      const sums = await this.#curve.losses(this.#curve.lambdas[column]!, known, blocks)
      this.#sums[column]!.set(sums, known)
      this.#known[column] = blocks
      if (!Number.isFinite(this.#loss(column))) {
        throw new UserError(
          `the loss at λ = ${this.#curve.lambdas[column]} is not finite: the weights hold NaN or infinite values`,
        )
      }
    }
  }

  /** Drop the candidates whose loss is lower than the highest by more than t standard errors of the difference. */
  dropLower(t: number): void {
    const highest = this.#highest()
    this.#candidates = this.#candidates.filter((column) => {
      const [above, below] = [this.#sums[highest]!, this.#sums[column]!]
      const { mean, standardError } = this.#ratio((i) => above[i]! - below[i]!)
      return !(mean > t * standardError)
    })
  }

  /** The barrier, and the union of the candidates' intervals of t standard errors and the rounding. */
  barrier(t: number, rounding: number): Omit<BarrierEstimate, 'points'> {
    const [b, a] = [this.#sums[0]!, this.#sums.at(-1)!]
    const estimates = this.#candidates.map((column) => {
      const own = this.#sums[column]!
      return this.#ratio((i) => own[i]! - (a[i]! + b[i]!) / 2)
    })
    return {
      barrier: Math.max(...estimates.map(({ mean }) => mean)),
      low: Math.min(...estimates.map(({ mean, standardError }) => mean - t * standardError)) - rounding,
      high: Math.max(...estimates.map(({ mean, standardError }) => mean + t * standardError)) + rounding,
      blocks: this.#drawn,
    }
  }

  points(): EstimatedPoint[] {
    const highest = this.#loss(this.#highest())
    const evaluated = this.#evaluated()
    return this.#curve.lambdas.map((lambda, column) => {
      const blocks = this.#known[column]!
      const moved = this.#loss(column) + this.#movement(column, evaluated)
      return { lambda, loss: Math.min(moved, highest), blocks, positions: this.#positions[blocks]! }
    })
  }

  /** The columns that all drawn blocks are evaluated on, increasing. */
  #evaluated(): number[] {
    return [...new Set([0, ...this.#candidates, this.#sums.length - 1])].sort((x, y) => x - y)
  }

  #highest(): number {
    return this.#candidates.reduce((best, column) => (this.#loss(column) > this.#loss(best) ? column : best))
  }

  #loss(column: number, blocks = this.#known[column]!): number {
    const sums = this.#sums[column]!
    let sum = 0
    for (let i = 0; i < blocks; i++) sum += sums[i]!
    return sum / this.#positions[blocks]!
  }

  /** By how much the loss between the nearest of the evaluated columns differs on all drawn blocks from that on those which
   *  a column has.
   */
  #movement(column: number, evaluated: readonly number[]): number {
    const [left, right] = [evaluated.findLast((one) => one <= column)!, evaluated.find((one) => one >= column)!]
    const lambdas = this.#curve.lambdas
    const share = left === right ? 0 : (lambdas[column]! - lambdas[left]!) / (lambdas[right]! - lambdas[left]!)
    const moved = (one: number) => this.#loss(one) - this.#loss(one, this.#known[column]!)
    return (1 - share) * moved(left) + share * moved(right)
  }

  /** Σ d_i / Σ m_i over the blocks drawn. */
  #ratio(difference: (block: number) => number): { readonly mean: number; readonly standardError: number } {
    const [n, total] = [this.#drawn, this.#curve.predictions.length]
    const positions = this.#positions[n]!
    let sum = 0
    for (let i = 0; i < n; i++) sum += difference(i)
    const mean = sum / positions
    let squares = 0
    for (let i = 0; i < n; i++) squares += (difference(i) - mean * this.#curve.predictions[i]!) ** 2
    const variance = n === total ? 0 : ((1 - n / total) * squares * n) / (n - 1)
    return { mean, standardError: Math.sqrt(variance) / positions }
  }
}
