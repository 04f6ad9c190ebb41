import { UserError } from '@isthmus/tensor'

/** One point of a curve: the loss of λ θ_A + (1 − λ) θ_B. */
export interface CurvePoint {
  readonly lambda: number
  readonly loss: number
}

/** How high the loss rises between two models, by three definitions. Nats. The first two are never negative, for their
 *  maxima are over the endpoints too. */
export interface LossBarrier {
  /** max_λ L(λ) − ½ (L(1) + L(0)): Verma & Elbayad (2024). */
  readonly barrier: number
  /** max_λ [L(λ) − λ L(1) − (1 − λ) L(0)]: Frankle et al. (2020); Entezari et al. (2022). */
  readonly barrierLinear: number
  /** L(½) − ½ (L(1) + L(0)); null where the curve has no point at ½. */
  readonly midpoint: number | null
  /** The λ of the highest loss, the smallest of several. */
  readonly lambdaAtMaximum: number
}

/** The loss barriers of a curve that has its endpoints, λ = 0 (B) and λ = 1 (A), in any order of points.
 *
 *  @throws {UserError} when an endpoint is missing.
 */
export function lossBarrier(points: readonly CurvePoint[]): LossBarrier {
  const lossAt = (lambda: number) => points.find((point) => point.lambda === lambda)?.loss
  const [lossB, lossA] = [lossAt(0), lossAt(1)]
  if (lossA === undefined || lossB === undefined) {
    const found = points.map(({ lambda }) => lambda).join(', ') || 'none'
    throw new UserError(`a loss barrier needs the losses at λ = 0 and λ = 1; the curve has λ = ${found}`)
  }
  const mean = (lossA + lossB) / 2
  const highest = points.reduce((best, point) =>
    point.loss > best.loss || (point.loss === best.loss && point.lambda < best.lambda) ? point : best,
  )
  const middle = lossAt(0.5)
  return {
    barrier: highest.loss - mean,
    barrierLinear: Math.max(...points.map(({ lambda, loss }) => loss - lambda * lossA - (1 - lambda) * lossB)),
    midpoint: middle === undefined ? null : middle - mean,
    lambdaAtMaximum: highest.lambda,
  }
}
