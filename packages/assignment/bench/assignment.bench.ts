import { munkres } from 'munkres'
import { uniformFloat64 } from 'pure-rand/distribution/uniformFloat64'
import { xoroshiro128plus } from 'pure-rand/generator/xoroshiro128plus'
import { certifyAssignment, linearSumAssignment } from '../src/index.ts'

/** Times `linearSumAssignment` beside `munkres` 2.0.4, on the same costs in the same run, and compares their totals.
 *
 *  munkres was the fastest of the npm packages tried on random costs, before linear-sum-assignment 1.0.9, hungarian-on3
 *  0.3.1, munkres-algorithm 1.0.2 (all at size 768) and munkres-js 1.2.2 (at size 256).
 */
const generator = xoroshiro128plus(20240301)
const uniform = () => uniformFloat64(generator)
const normal = () => Math.sqrt(-2 * Math.log(1 - uniform())) * Math.cos(2 * Math.PI * uniform())

/** A family of costs of shape `[size, size]`. */
interface Family {
  readonly name: string
  readonly cost: (size: number) => (row: number, column: number) => number
  /** Where either solver is cubic, minutes at size 3072 would tell nothing that size 768 does not. */
  readonly largestSize: number
}

const families: Family[] = [
  { name: 'uniform random', largestSize: 3072, cost: () => uniform },
  { name: 'correlation, planted match', largestSize: 3072, cost: plantedCorrelation },
  { name: 'correlation, noise alone', largestSize: 3072, cost: () => () => 0.05 * normal() },
  { name: 'integers 1 to 10', largestSize: 3072, cost: () => () => 1 + Math.floor(10 * uniform()) },
  { name: 'constant', largestSize: 3072, cost: () => () => 1 },
  { name: 'near-degenerate', largestSize: 3072, cost: () => () => 1 + 1e-12 * uniform() },
  { name: 'Machol-Wien i·j', largestSize: 768, cost: () => (row, column) => (row + 1) * (column + 1) },
  { name: 'random rank one', largestSize: 768, cost: rankOne },
]

/** Negated correlations: noise, and for each row one column that stands out by a random amount. */
function plantedCorrelation(size: number) {
  const signal = Float64Array.from({ length: size }, () => 0.4 * uniform())
  return (row: number, column: number) => -0.05 * normal() - (column === (7 * row + 3) % size ? signal[row]! : 0)
}

function rankOne(size: number) {
  const left = Float64Array.from({ length: size }, normal)
  const right = Float64Array.from({ length: size }, normal)
  return (row: number, column: number) => left[row]! * right[column]!
}

function timed<Result>(work: () => Result): { milliseconds: number; result: Result } {
  const start = performance.now()
  const result = work()
  return { milliseconds: performance.now() - start, result }
}

/** Solve one matrix with both. munkres is given the rows that it asks for; making them is not in its time. */
function solveWithBoth({ cost: family }: Family, size: number) {
  const entry = family(size)
  const cost = Float64Array.from({ length: size * size }, (_, k) => entry(Math.floor(k / size), k % size))
  const rows = Array.from({ length: size }, (_, row) => Array.from(cost.subarray(row * size, (row + 1) * size)))
  return { cost, ours: timed(() => linearSumAssignment(cost, size)), rival: timed(() => munkres(rows)) }
}

function compare(family: Family, size: number): void {
  const { cost, ours, rival } = solveWithBoth(family, size)
  const rivalTotal = rival.result.reduce((total, [row, column]) => total + cost[row * size + column]!, 0)
  const { infeasibility } = certifyAssignment(cost, ours.result)
  console.log(
    [
      String(size).padStart(5),
      family.name.padEnd(28),
      `${ours.milliseconds.toFixed(0)} ms`.padStart(9),
      `${rival.milliseconds.toFixed(0)} ms`.padStart(9),
      (rival.milliseconds / ours.milliseconds).toFixed(2).padStart(7),
      Math.abs(ours.result.total - rivalTotal)
        .toExponential(1)
        .padStart(9),
      infeasibility.toExponential(1).padStart(9),
    ].join('  '),
  )
}

for (const family of families) solveWithBoth(family, 256) // so that both are compiled
console.log(' size  costs                              ours    munkres    ratio  Δ total    u + v > c')
for (const size of [512, 768, 3072]) {
  for (const family of families) if (size <= family.largestSize) compare(family, size)
}
