import { existsSync } from 'node:fs'
import { mkdir, readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { openCache, verifyCache } from '@isthmus/dataflow'
import { querySandboxed, resultsPath } from '@isthmus/results'

/** What a home holds: the digest of each result by its key, and the rows, as text. */
export interface HomeContents {
  readonly digests: ReadonlyMap<string, string>
  readonly rows: ReadonlySet<string>
}

/** How a home differs from one that nothing disturbed. */
export interface Comparison {
  /** Keys whose digest differs, or that only one of the two has. */
  readonly differing: readonly string[]
  /** Rows of the results that differ, or that only one of the two has. */
  readonly differingRows: number
  /** What a check of the whole cache found. */
  readonly faults: number
  /** Files in the cache's folders for what is being written or computed. */
  readonly leftOvers: readonly string[]
}

/** All that a row says but times. */
const rowsQuery = [
  'select * from curve_point',
  'select * exclude seconds from alignment',
  'select * from correlation',
  'select * from model',
  'select * exclude seconds from artifact',
]
  .map((query, i) => `select ${i} as part, r::varchar as content from (${query}) r`)
  .join(' union all ')

/** Read what a home holds. */
export async function homeContents(home: string): Promise<HomeContents> {
  const { rows } = await querySandboxed(resultsPath(home), rowsQuery)
  return { digests: await resultDigests(home), rows: new Set(rows.map((row) => JSON.stringify(row))) }
}

/** The digest of each result that a home's cache has, by its key. Changes nothing, nor clears anything away. */
export async function resultDigests(home: string): Promise<Map<string, string>> {
  if (!existsSync(join(home, 'cache', 'format.json'))) return new Map()
  const cache = await openCache(join(home, 'cache'), { readOnly: true })
  return new Map([...cache.actions.records()].map(({ key, output }) => [key, output.digest]))
}

/** Check a home whose last run has ended, and compare it with what an undisturbed run gave. */
export async function compareHome(home: string, expected: HomeContents): Promise<Comparison> {
  const found = await homeContents(home)
  const folders = await Promise.all(['tmp', 'partial', 'leases'].map((name) => entries(join(home, 'cache', name))))
  const cache = await openCache(join(home, 'cache'))
  try {
    const { corrupt, missing, damagedPacks, inconsistent, nondeterministic } = await verifyCache(cache)
    const faults = [corrupt, missing, damagedPacks, inconsistent, nondeterministic]
    const keys = new Set([...found.digests.keys(), ...expected.digests.keys()])
    const rows = new Set([...found.rows, ...expected.rows])
    return {
      differing: [...keys].filter((key) => found.digests.get(key) !== expected.digests.get(key)),
      differingRows: [...rows].filter((row) => !found.rows.has(row) || !expected.rows.has(row)).length,
      faults: faults.reduce((sum, list) => sum + list.length, 0),
      leftOvers: folders.flat(),
    }
  } finally {
    cache.close()
  }
}

async function entries(folder: string): Promise<string[]> {
  await mkdir(folder, { recursive: true })
  return readdir(folder)
}
