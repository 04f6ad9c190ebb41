import { ShapeError, UserError } from '@isthmus/tensor'
import { type ColumnScan, columnScan } from './shortest-path-kernel.ts'

/** A dense matrix of costs, row-major. */
export type CostMatrix = Float64Array | Float32Array

export interface LinearSumAssignmentOptions {
  /** At least `rows`. Default: as many as `rows`. */
  readonly columns?: number
  /** Look for the largest total instead of the smallest. Default: false. */
  readonly maximize?: boolean
}

/** An optimal assignment with the dual prices that prove it optimal. */
export interface LinearSumAssignment {
  /** x: row `i` is assigned column `assignment[i]`, shape `[rows]`; no column occurs twice. */
  readonly assignment: Int32Array
  /** u, shape `[rows]`, in the unit of the costs. */
  readonly rowPrices: Float64Array
  /** v, shape `[columns]`, in the unit of the costs. */
  readonly columnPrices: Float64Array
  /** Σ_i c[i, x(i)], summed in the order of the rows. */
  readonly total: number
}

/** The partial assignment and the column prices that all phases work on. */
interface PartialAssignment {
  /** Costs to minimise, shape `[rows, columns]`. */
  readonly cost: Float64Array
  readonly rows: number
  readonly columns: number
  /** Column of each row, −1 where free. */
  readonly columnOf: Int32Array
  /** Row of each column, −1 where free. */
  readonly rowOf: Int32Array
  /** v of the paper. */
  readonly columnPrices: Float64Array
}

/** Two sweeps of augmenting row reduction, as in the paper: a third costs more than the paths that it saves. */
const ROW_REDUCTION_SWEEPS = 2

/** Assign each row a column of its own so that the sum of the costs is least (or largest), exactly.
 *
 *      min_x  Σ_i c[i, x(i)]                      x injective                  (primal)
 *      max_uv Σ_i u_i + Σ_j v_j    subject to     u_i + v_j ≤ c_ij  ∀ i, j     (dual)
 *
 *  The prices returned certify the optimum by complementary slackness: `u_i + v_j ≤ c_ij` everywhere, with equality
 *  where `x(i) = j`, hence `Σu + Σv = total`. Where `rows < columns`, also `v_j ≤ 0`, with equality on columns that
 *  no row is assigned. With `maximize` every inequality is the other way round: `u_i + v_j ≥ c_ij`, `v_j ≥ 0`.
 *  `certifyAssignment` measures how well these hold.
 *
 *  The phases are those of Jonker and Volgenant: column reduction, reduction transfer, augmenting row reduction, then
 *  a shortest augmenting path (Dijkstra on reduced costs) for each row that is still free. A rectangular matrix starts
 *  at the third, since the first two would give prices to columns that stay free. We differ from the paper's program
 *  in two details: a sweep of row reduction makes at most `rows` extra steps, so that costs in f64 cannot keep it in a
 *  price war, and Dijkstra relaxes and selects in one pass over a row, as SciPy does (Crouse).
 *
 *  Arithmetic is in f64: integers are exact while sums stay below 2⁵³; otherwise the conditions hold to a few roundings
 *  of the largest cost. O(rows² · columns) time at worst, and `8 · rows · columns` bytes for a copy of the costs.
 *
 *  Deterministic: the result is a function of the arguments alone. Ties are broken by place: column reduction keeps the
 *  diagonal where it attains a column's minimum (a constant matrix gives the identity), then takes the lowest row; row
 *  reduction takes the lowest column; a path ends at a free column rather than pass through a taken one, then takes
 *  the lowest column.
 *
 *  @param cost c, shape `[rows, columns]`, row-major, finite; not modified.
 *  @throws {ShapeError} when `cost` has another size than `rows · columns`, or there are more rows than columns.
 *  @throws {UserError} naming row and column of the first cost that is NaN, infinite, or so large that sums overflow.
 *  @see Jonker & Volgenant (1987), A shortest augmenting path algorithm for dense and sparse linear assignment problems,
 *    Computing 38:325–340.
 *  @see Crouse (2016), On implementing 2D rectangular assignment algorithms, IEEE Transactions on Aerospace and
 *    Electronic Systems 52(4):1679–1696, the source of SciPy's `linear_sum_assignment`.
 */
export function linearSumAssignment(
  cost: CostMatrix,
  rows: number,
  { columns = rows, maximize = false }: LinearSumAssignmentOptions = {},
): LinearSumAssignment {
  const sign = maximize ? -1 : 1
  checkShape(cost, rows, columns)
  const partial: PartialAssignment = {
    cost: costsToMinimize(cost, rows, columns, sign),
    rows,
    columns,
    columnOf: new Int32Array(rows).fill(-1),
    rowOf: new Int32Array(columns).fill(-1),
    columnPrices: new Float64Array(columns),
  }
  if (rows === columns) transferReductions(partial, reduceColumns(partial))
  let freeRows = Int32Array.from(partial.columnOf.keys()).filter((row) => partial.columnOf[row] === -1)
  for (let sweep = 0; sweep < ROW_REDUCTION_SWEEPS; sweep++) freeRows = reduceRows(partial, freeRows)
  augmentRows(partial, freeRows)
  return solution(partial, cost, sign)
}

function checkShape(cost: CostMatrix, rows: number, columns: number): void {
  if (cost.length !== rows * columns) {
    throw new ShapeError(
      `a cost matrix of shape [${rows}, ${columns}] has ${rows * columns} entries, but ${cost.length} were given`,
    )
  }
  if (rows > columns) {
    throw new ShapeError(
      `${rows} rows cannot each have a column of their own among ${columns}: transpose the cost matrix`,
    )
  }
}

/** Copy the costs into f64 with the sign that makes the problem a minimisation, refusing what is not finite. */
function costsToMinimize(cost: CostMatrix, rows: number, columns: number, sign: number): Float64Array {
  // A path's length is a sum of up to 2 · rows costs and prices.
  const largest = Number.MAX_VALUE / (8 * Math.max(rows, 1))
  const signed = new Float64Array(cost.length)
  for (let k = 0; k < signed.length; k++) {
    const value = cost[k]!
    if (!(Math.abs(value) <= largest)) {
      const place = `the cost at row ${Math.floor(k / columns)}, column ${k % columns} is ${value}`
      throw new UserError(
        Number.isFinite(value)
          ? `${place}, whose sums overflow: scale the costs to at most ${largest}`
          : `${place}, but every cost must be a finite number: replace it before the assignment`,
      )
    }
    signed[k] = sign * value
  }
  return signed
}

/** Column reduction: v_j = min_i c_ij, and each column, from last to first, is assigned the row of its minimum if free.
 *
 *  @returns For each row, the number of columns whose minimum it is.
 */
function reduceColumns({ cost, rows, columns, columnOf, rowOf, columnPrices }: PartialAssignment): Int32Array {
  const minimumRow = Int32Array.from(rowOf.keys())
  for (let column = 0; column < columns; column++) columnPrices[column] = cost[column * columns + column]!
  for (let row = 0; row < rows; row++) {
    const base = row * columns
    for (let column = 0; column < columns; column++) {
      const value = cost[base + column]!
      if (value < columnPrices[column]!) {
        columnPrices[column] = value
        minimumRow[column] = row
      }
    }
  }
  const minimaInRow = new Int32Array(rows)
  for (let column = columns - 1; column >= 0; column--) {
    const row = minimumRow[column]!
    minimaInRow[row]!++
    if (columnOf[row] === -1) {
      columnOf[row] = column
      rowOf[column] = row
    }
  }
  return minimaInRow
}

/** Reduction transfer: a row that holds the minimum of one column only gives up the slack to its second best.
 *
 *      v_j1 ← v_j1 − min_{j ≠ j1} (c_ij − v_j)
 */
function transferReductions(
  { cost, rows, columns, columnOf, columnPrices }: PartialAssignment,
  minimaInRow: Int32Array,
): void {
  if (columns === 1) return
  for (let row = 0; row < rows; row++) {
    if (minimaInRow[row] !== 1) continue
    const base = row * columns
    const assigned = columnOf[row]!
    let slack = Infinity
    for (let column = 0; column < columns; column++) {
      const reduced = cost[base + column]! - columnPrices[column]!
      if (reduced < slack && column !== assigned) slack = reduced
    }
    columnPrices[assigned]! -= slack
  }
}

/** Augmenting row reduction: each free row takes its cheapest column, at a price that makes its second best as good.
 *
 *  A row that loses its column by this is free again. It looks for another at once where the price fell; after a tie,
 *  or when the sweep has made its extra steps, it is left for later.
 *  @param freeRows Overwritten.
 *  @returns The rows that are free now: a view of the start of `freeRows`.
 */
function reduceRows(partial: PartialAssignment, freeRows: Int32Array<ArrayBuffer>): Int32Array<ArrayBuffer> {
  const { cost, rows, columns, columnOf, rowOf, columnPrices } = partial
  let left = 0
  let extraSteps = rows
  for (let k = 0; k < freeRows.length; k++) {
    let row = freeRows[k]!
    while (row !== -1) {
      const base = row * columns
      let first = -1
      let second = -1
      let firstCost = Infinity
      let secondCost = Infinity
      for (let column = 0; column < columns; column++) {
        const reduced = cost[base + column]! - columnPrices[column]!
        if (reduced >= secondCost) continue
        if (reduced < firstCost) {
          second = first
          secondCost = firstCost
          first = column
          firstCost = reduced
        } else {
          second = column
          secondCost = reduced
        }
      }
      const price = columnPrices[first]! - (secondCost - firstCost)
      // Rounding may leave the price where it was, though the costs differ: that is a tie too.
      const lowered = price < columnPrices[first]!
      if (lowered) columnPrices[first] = price
      const column = lowered || rowOf[first] === -1 ? first : second
      const displaced = rowOf[column]!
      columnOf[row] = column
      rowOf[column] = row
      row = -1
      if (displaced === -1) continue
      columnOf[displaced] = -1
      if (lowered && extraSteps-- > 0) row = displaced
      else freeRows[left++] = displaced
    }
  }
  return freeRows.subarray(0, left)
}

/** Augmentation: assign each free row by a shortest alternating path to a free column, and update the prices. */
function augmentRows(partial: PartialAssignment, freeRows: Int32Array): void {
  if (freeRows.length === 0) return
  const { columns, columnOf, rowOf, columnPrices } = partial
  const scan = columnScan(columns)
  const done = { columns: new Int32Array(columns), distances: new Float64Array(columns) }
  for (const freeRow of freeRows) {
    const { sink, length, size } = growTree(partial, freeRow, scan, done)
    for (let k = 0; k < size; k++) columnPrices[done.columns[k]!]! += done.distances[k]! - length
    for (let column = sink, row = -1; row !== freeRow; ) {
      row = scan.predecessor[column]!
      const next = columnOf[row]!
      rowOf[column] = row
      columnOf[row] = column
      column = next
    }
  }
}

/** The columns whose distances are final, nearest first. */
interface DoneColumns {
  readonly columns: Int32Array
  readonly distances: Float64Array
}

/** Grow Dijkstra's tree over the columns, by reduced cost, from `freeRow` until it meets a free column.
 *
 *      d_j = min_i (d_i + c_ij − v_j − u_i),     u_i = c[i, x(i)] − v_x(i)
 *
 *  @param done Overwritten.
 *  @returns The free column `sink`, the `length` of the path to it, and the number of columns done before it.
 */
function growTree(
  { cost, columns, rowOf, columnPrices }: PartialAssignment,
  freeRow: number,
  scan: ColumnScan,
  done: DoneColumns,
): { sink: number; length: number; size: number } {
  scan.distance.fill(Infinity)
  scan.price.set(columnPrices)
  scan.rowOf.set(rowOf)
  let row = freeRow
  let shift = 0
  for (let size = 0; ; size++) {
    scan.cost.set(cost.subarray(row * columns, (row + 1) * columns))
    const nearest = scan.relax(row, shift)
    const length = scan.distance[nearest]!
    if (rowOf[nearest] === -1) return { sink: nearest, length, size }
    done.columns[size] = nearest
    done.distances[size] = length
    scan.distance[nearest] = Infinity
    scan.price[nearest] = -Infinity
    row = rowOf[nearest]!
    shift = cost[row * columns + nearest]! - columnPrices[nearest]! - length
  }
}

/** Row prices u_i = c[i, x(i)] − v_x(i), and everything in the sign that the caller asked in. */
function solution(partial: PartialAssignment, given: CostMatrix, sign: number): LinearSumAssignment {
  const { cost, rows, columns, columnOf } = partial
  const rowPrices = new Float64Array(rows)
  let total = 0
  for (let row = 0; row < rows; row++) {
    const column = columnOf[row]!
    rowPrices[row] = sign * (cost[row * columns + column]! - partial.columnPrices[column]!)
    total += given[row * columns + column]!
  }
  const columnPrices = partial.columnPrices.map((price) => sign * price)
  return { assignment: columnOf, rowPrices, columnPrices, total }
}
