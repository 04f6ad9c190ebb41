import type { Agreement } from './agreement.ts'
import type { StudyComparison } from './compare-study.ts'
import { phaseNames, type Seconds, type SideResult, sumOf } from './side.ts'

/** What a side spent: the median of its runs, by phase and in total. */
export type SideTimes = ReadonlyMap<string, Seconds>

/** The medians of several runs of one side; `total` is the median of the runs' sums. */
export function medianTimes(runs: readonly Pick<SideResult, 'phases'>[]): SideTimes {
  const none = { processor: 0, wall: 0 }
  const byName = phaseNames.map((name) => [name, runs.map(({ phases }) => phases[name] ?? none)] as const)
  const totals = runs.map(({ phases }) => sumOf(Object.values(phases)))
  return new Map(
    [...byName, ['total', totals] as const].map(([name, times]) => [
      name,
      { processor: median(times.map(({ processor }) => processor)), wall: median(times.map(({ wall }) => wall)) },
    ]),
  )
}

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b)
  const middle = sorted.length / 2
  return (sorted[Math.ceil(middle) - 1]! + sorted[Math.floor(middle)]!) / 2
}

/** Lay out what two sides spent, one phase a line, and the ratio theirs / ours; phases that neither has are left out. */
export function phaseTable(ours: SideTimes, theirs: SideTimes): string {
  const header = ['seconds of', 'processor: ours', 'theirs', 'ratio', 'wall: ours', 'theirs', 'ratio']
  const rows = [...ours]
    .filter(([name, { wall }]) => wall > 0 || theirs.get(name)!.wall > 0)
    .map(([name, own]) => [
      name,
      ...(['processor', 'wall'] as const).flatMap((clock) => {
        const [a, b] = [own[clock], theirs.get(name)![clock]]
        return [a.toFixed(2), b.toFixed(2), a > 0 ? (b / a).toFixed(2) : '–']
      }),
    ])
  return columns([header, ...rows])
}

/** Rows as lines; the first column to the left, the others to the right. */
export function columns(rows: readonly (readonly string[])[]): string {
  const widths = rows[0]!.map((_, column) => Math.max(...rows.map((row) => row[column]!.length)))
  const pad = (cell: string, column: number) =>
    column === 0 ? cell.padEnd(widths[column]!) : cell.padStart(widths[column]!)
  return rows.map((row) => row.map(pad).join('  ').trimEnd()).join('\n')
}

/** Lay out what a study of ours took, and what theirs comes to: measured on one pair for each method, times the pairs. */
export function studyTable({ ours, theirs, pairs }: StudyComparison): string {
  const onePair = sumOf([...theirs.values()])
  const all: Seconds = { processor: onePair.processor * pairs, wall: onePair.wall * pairs }
  const row = (name: string, { processor, wall }: Seconds) => [name, processor.toFixed(1), wall.toFixed(1)]
  return columns([
    ['seconds', 'processor', 'wall'],
    ...[...theirs].map(([method, times]) => row(`theirs, one pair, ${method}`, times)),
    row(`theirs, × ${pairs} pairs (extrapolated)`, all),
    row('ours, the whole study (measured)', ours),
    ['ratio', (all.processor / ours.processor).toFixed(2), (all.wall / ours.wall).toFixed(2)],
  ])
}

/** Say how far apart the results are. */
export function agreementText({ correlation, entries, differing, objective, loss }: Agreement): string {
  const lines = [`largest difference of a loss: ${loss.toExponential(1)} nats`]
  if (correlation !== null) {
    lines.unshift(
      `largest difference of a correlation: ${correlation.toExponential(1)}`,
      `entries of the permutations that differ: ${differing} of ${entries}` +
        (differing === 0
          ? ''
          : `; the mean correlations that they reach differ by at most ${objective.toExponential(1)}`),
    )
  }
  return lines.join('\n')
}
