import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { startPythonRival } from '@isthmus/tensor/bench/python-rival'
import { munkres } from 'munkres'
import { uniformFloat64 } from 'pure-rand/distribution/uniformFloat64'
import { xoroshiro128plus } from 'pure-rand/generator/xoroshiro128plus'
import { type CostMatrix, certifyAssignment, linearSumAssignment } from '../src/index.ts'

/** Times `linearSumAssignment` beside SciPy's `linear_sum_assignment`, where `python3` (or `$PYTHON`) has it, and
 *  `munkres` 2.0.4, on the same costs, in turn, and compares their totals. Seconds of processor time, the least of some
 *  rounds. What a solver needs to be given its costs (rows, a file) is not in its time.
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
  /** Correlations are f32; all else is f64. Default: f64. */
  readonly type?: 'float32'
  /** Where a solver is cubic, minutes at size 3072 would tell nothing that size 768 does not. */
  readonly largestSize: number
}

const families: Family[] = [
  { name: 'uniform random', largestSize: 3072, cost: () => uniform },
  { name: 'correlation, planted match', type: 'float32', largestSize: 3072, cost: plantedCorrelation },
  { name: 'correlation, shared factors', type: 'float32', largestSize: 3072, cost: sharedFactors },
  { name: 'correlation, noise alone', type: 'float32', largestSize: 3072, cost: () => () => 0.05 * normal() },
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

/** Negated correlations of features that are mixtures of the same 32 factors, and of as much noise: as those of two trained
 *  models, which have many nearly as good partners for each feature.
 */
function sharedFactors(size: number) {
  const factors = 32
  const [left, right] = [0, 1].map(() => Float64Array.from({ length: size * factors }, normal)) as [
    Float64Array,
    Float64Array,
  ]
  return (row: number, column: number) => {
    let sum = 0
    for (let k = 0; k < factors; k++) sum += left[row * factors + k]! * right[column * factors + k]!
    return -sum / (2 * factors)
  }
}

function rankOne(size: number) {
  const left = Float64Array.from({ length: size }, normal)
  const right = Float64Array.from({ length: size }, normal)
  return (row: number, column: number) => left[row]! * right[column]!
}

/** What a solver came to. */
interface Solution {
  readonly seconds: number
  readonly total: number
}

interface Solver {
  readonly name: string
  /** @param path A file of the costs. */
  solve(cost: CostMatrix, size: number, path: string): Promise<Solution>
}

const ours: Solver = {
  name: 'ours',
  async solve(cost, size) {
    const { seconds, result } = timed(() => linearSumAssignment(cost, size))
    return { seconds, total: result.total }
  },
}

const munkresSolver: Solver = {
  name: 'munkres',
  async solve(cost, size) {
    const rows = Array.from({ length: size }, (_, row) => Array.from(cost.subarray(row * size, (row + 1) * size)))
    const { seconds, result } = timed(() => munkres(rows))
    return { seconds, total: result.reduce((total, [row, column]) => total + cost[row * size + column]!, 0) }
  },
}

const scipy = startPythonRival(join(import.meta.dirname, 'scipy_assignment.py'), ['numpy', 'scipy.optimize'])

const scipySolver: Solver = {
  name: 'SciPy',
  async solve(cost, size, path) {
    return JSON.parse(await scipy!.ask(`${path} ${size} ${cost instanceof Float32Array ? 'float32' : 'float64'}`))
  },
}

const solvers = [ours, ...(scipy === null ? [] : [scipySolver]), munkresSolver]

function timed<Result>(work: () => Result): { seconds: number; result: Result } {
  const start = process.cpuUsage()
  const result = work()
  const { user, system } = process.cpuUsage(start)
  return { seconds: (user + system) / 1e6, result }
}

/** Solve one matrix with all, in turn, and keep the least time of each. */
async function solveInTurn(cost: CostMatrix, size: number, rounds: number, path: string): Promise<Solution[]> {
  await writeFile(path, new Uint8Array(cost.buffer))
  const best: Solution[] = []
  for (let round = 0; round < rounds; round++) {
    for (const [i, solver] of solvers.entries()) {
      const solution = await solver.solve(cost, size, path)
      if (best[i] === undefined || solution.seconds < best[i].seconds) best[i] = solution
    }
  }
  return best
}

function costsOf({ cost: family, type }: Family, size: number): CostMatrix {
  const entry = family(size)
  const values = { length: size * size }
  const at = (_: unknown, k: number) => entry(Math.floor(k / size), k % size)
  return type === 'float32' ? Float32Array.from(values, at) : Float64Array.from(values, at)
}

async function compare(family: Family, size: number, path: string): Promise<void> {
  const cost = costsOf(family, size)
  const [own, ...rivals] = await solveInTurn(cost, size, size > 1000 ? 2 : 5, path)
  const { infeasibility } = certifyAssignment(cost, linearSumAssignment(cost, size))
  const milliseconds = ({ seconds }: Solution) => `${(seconds * 1e3).toFixed(1)} ms`.padStart(11)
  console.log(
    [
      String(size).padStart(5),
      family.name.padEnd(28),
      milliseconds(own!),
      ...rivals.flatMap((rival) => [milliseconds(rival), (rival.seconds / own!.seconds).toFixed(2).padStart(7)]),
      Math.max(...rivals.map(({ total }) => Math.abs(total - own!.total)))
        .toExponential(1)
        .padStart(9),
      infeasibility.toExponential(1).padStart(9),
    ].join('  '),
  )
}

const folder = await mkdtemp(join(tmpdir(), 'isthmus-assignment-'))
const path = join(folder, 'costs')
for (const family of families) await solveInTurn(costsOf(family, 256), 256, 1, path) // so that all are compiled
console.log(
  [' size', 'costs'.padEnd(28), 'ours'.padStart(11)]
    .concat(solvers.slice(1).flatMap(({ name }) => [name.padStart(11), '  ratio']))
    .concat(['  Δ total', 'u + v > c'])
    .join('  '),
)
for (const size of [32, 128, 512, 768, 3072]) {
  for (const family of families) if (size <= family.largestSize) await compare(family, size, path)
}
scipy?.stop()
await rm(folder, { recursive: true })
