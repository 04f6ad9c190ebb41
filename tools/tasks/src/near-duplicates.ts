/** Keep one of each group of texts that are nearly the same, so that none stands in both splits.
 *
 *  Two texts are nearly the same when the sets of their runs of four words have a Jaccard similarity of at least ½ in lower
 *  case; groups are closed under that. Of a group the first text stays; a group whose labels differ is left out whole.
 *  Quadratic in the number of texts that share a run of words.
 */
export function withoutNearDuplicates<Item extends { readonly text: string; readonly label: string }>(
  items: readonly Item[],
): Item[] {
  const runs = items.map(({ text }) => wordRuns(text))
  const root = items.map((_, i) => i)
  const find = (i: number): number => {
    while (root[i] !== i) i = root[i]!
    return i
  }
  for (const [i, j] of similarPairs(runs)) {
    const [a, b] = [find(i), find(j)]
    root[Math.max(a, b)] = Math.min(a, b)
  }
  const labels = new Map<number, Set<string>>()
  items.forEach(({ label }, i) => {
    labels.set(find(i), (labels.get(find(i)) ?? new Set()).add(label))
  })
  return items.filter((_, i) => root[i] === i && labels.get(i)!.size === 1)
}

const runLength = 4
const threshold = 0.5

function wordRuns(text: string): ReadonlySet<string> {
  const words = text.toLowerCase().match(/[\p{L}\p{N}]+/gu) ?? []
  const runs = new Set<string>()
  for (let i = 0; i + runLength <= words.length; i++) runs.add(words.slice(i, i + runLength).join(' '))
  if (runs.size === 0) runs.add(words.join(' '))
  return runs
}

function* similarPairs(runs: readonly ReadonlySet<string>[]): Generator<readonly [number, number]> {
  const holders = new Map<string, number[]>()
  for (const [i, own] of runs.entries()) {
    const shared = new Map<number, number>()
    for (const run of own) {
      const earlier = holders.get(run) ?? []
      for (const j of earlier) shared.set(j, (shared.get(j) ?? 0) + 1)
      earlier.push(i)
      holders.set(run, earlier)
    }
    for (const [j, count] of shared) {
      if (count >= threshold * (own.size + runs[j]!.size - count)) yield [j, i]
    }
  }
}
