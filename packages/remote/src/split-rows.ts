import { type ResultRows, tablesOfRows } from '@isthmus/results'

/** Split rows into bundles of at most `size`, beside the runs that they belong to, which each bundle needs.
 *
 *  @param size At least 1.
 */
export function* splitRows(rows: ResultRows, size: number): Iterable<ResultRows> {
  const { studyRuns = [], ...rest } = rows
  let part: Record<string, unknown[]> = {}
  let count = 0
  for (const { list } of tablesOfRows) {
    for (const row of rest[list as keyof typeof rest] ?? []) {
      const items = part[list] ?? []
      items.push(row)
      part[list] = items
      count += 1
      if (count < size) continue
      yield { studyRuns, ...part }
      part = {}
      count = 0
    }
  }
  if (count > 0 || studyRuns.length > 0) yield { studyRuns, ...part }
}
