import { ShapeError, UserError } from '@isthmus/tensor'
import type { CostMatrix, LinearSumAssignmentOptions } from './linear-sum-assignment.ts'

/** What a certificate needs: an assignment from anywhere, and dual prices from a solver. */
export interface CertifiableAssignment {
  /** Column of each row, shape `[rows]`. */
  readonly assignment: Int32Array
  /** u, shape `[rows]`. */
  readonly rowPrices: Float64Array
  /** v, shape `[columns]`. */
  readonly columnPrices: Float64Array
}

/** How far an assignment and prices are from the conditions of optimality, in the unit of the costs. */
export interface AssignmentCertificate {
  /** max_ij (u_i + v_j − c_ij)₊, and where rows < columns also max_j (v_j)₊: 0 where the prices are dual feasible. */
  readonly infeasibility: number
  /** max_i |c[i, x(i)] − u_i − v_x(i)|, and max |v_j| over unassigned columns: 0 where slackness is complementary. */
  readonly slackness: number
  /** Σ_i c[i, x(i)] − (Σ_i u_i + Σ_j v_j): what the assignment costs above the bound that the prices give. */
  readonly dualityGap: number
}

/** Measure how far an assignment is from optimal, by dual prices, without solving again.
 *
 *      Σ_i c[i, y(i)]  ≥  Σu + Σv − rows · infeasibility            for every assignment y
 *
 *  so an assignment is within `dualityGap + rows · infeasibility` of the optimum, whoever found it. Two different
 *  assignments are tied where both have a gap of zero (to rounding) by the same prices. With `maximize` the costs and
 *  the prices are negated first, so the three figures read the same. O(rows · columns); nothing is modified.
 *  @param cost c, shape `[rows, columns]`, row-major, `rows` and `columns` being the numbers of prices.
 *  @param candidate An assignment, and prices by `linearSumAssignment` on the same costs and options.
 *  @throws {ShapeError} when the sizes of costs, prices and assignment do not fit together.
 *  @throws {UserError} when the assignment names a column that does not exist, or one column twice.
 *  @see Burkard, Dell'Amico & Martello (2009), Assignment Problems, section 4.1.2.
 */
export function certifyAssignment(
  cost: CostMatrix,
  candidate: CertifiableAssignment,
  { maximize = false }: Pick<LinearSumAssignmentOptions, 'maximize'> = {},
): AssignmentCertificate {
  checkCandidate(cost, candidate)
  const { assignment, rowPrices, columnPrices } = candidate
  const [rows, columns] = [rowPrices.length, columnPrices.length]
  const sign = maximize ? -1 : 1
  let infeasibility = 0
  let slackness = 0
  let dualityGap = 0
  for (let row = 0; row < rows; row++) {
    for (let column = 0; column < columns; column++) {
      const reduced = sign * (cost[row * columns + column]! - rowPrices[row]! - columnPrices[column]!)
      infeasibility = Math.max(infeasibility, -reduced)
    }
    const column = assignment[row]!
    const reduced = sign * (cost[row * columns + column]! - rowPrices[row]! - columnPrices[column]!)
    slackness = Math.max(slackness, Math.abs(reduced))
    dualityGap += reduced
  }
  const assigned = new Set(assignment)
  for (let column = 0; column < columns; column++) {
    if (rows === columns) break
    const price = sign * columnPrices[column]!
    infeasibility = Math.max(infeasibility, price)
    if (assigned.has(column)) continue
    slackness = Math.max(slackness, Math.abs(price))
    dualityGap -= price
  }
  return { infeasibility, slackness, dualityGap }
}

function checkCandidate(cost: CostMatrix, { assignment, rowPrices, columnPrices }: CertifiableAssignment): void {
  const [rows, columns] = [rowPrices.length, columnPrices.length]
  if (cost.length !== rows * columns || assignment.length !== rows) {
    throw new ShapeError(
      `prices of ${rows} rows and ${columns} columns need ${rows * columns} costs and an assignment of ${rows}, ` +
        `but there are ${cost.length} costs and an assignment of ${assignment.length}`,
    )
  }
  const rowOf = new Int32Array(columns).fill(-1)
  for (let row = 0; row < rows; row++) {
    const column = assignment[row]!
    if (column < 0 || column >= columns) {
      throw new UserError(`row ${row} is assigned column ${column}, but the columns are 0 to ${columns - 1}`)
    }
    if (rowOf[column] !== -1) {
      throw new UserError(`rows ${rowOf[column]} and ${row} are both assigned column ${column}`)
    }
    rowOf[column] = row
  }
}
