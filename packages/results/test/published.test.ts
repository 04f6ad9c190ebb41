import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { leaderboard, openResults, published, publishedRows, type Results } from '../src/index.ts'
import { curve, inTemporaryFolder, studyRun } from './sample-rows.ts'

const heads = 'ffn+attention/head-perm'
const identity = 'ffn+attention/identity'

/** Curves of one pair in the study `attention-heads`, with the barrier given for each method. */
async function withBarriers(
  barriers: Readonly<Record<string, number>>,
  test: (results: Results) => Promise<void>,
  study = 'attention-heads',
): Promise<void> {
  await inTemporaryFolder(async (folder) => {
    const results = await openResults(join(folder, 'results.duckdb'))
    await results.ingest({
      studyRuns: [studyRun({ study })],
      curvePoints: Object.entries(barriers).flatMap(([method, barrier]) =>
        curve(
          [
            [0, 4],
            [0.5, 4 + barrier],
            [1, 4],
          ],
          { study, method },
        ),
      ),
    })
    await test(results)
    await results.close()
  })
}

describe('published', () => {
  it('is every row of the file, with its source, in every new database', () =>
    withBarriers({}, async (results) => {
      const file = JSON.parse(await readFile(new URL('../src/published-results.json', import.meta.url), 'utf8'))
      const written = file.studies.flatMap(
        ({ study, dataset, barriers }: { study: string; dataset: string; barriers: object[] }) =>
          barriers.map((barrier) => ({ source: `${file.source}; ${file.models}`, study, dataset, ...barrier })),
      )
      expect(written).toHaveLength(4 + 5 + 2 * 8)
      expect(publishedRows).toEqual(written)
      const stored = await results.query('from published')
      expect(new Set(stored)).toEqual(new Set(written))
      expect(stored).toHaveLength(written.length)
    }))

  it('gives the masked language modelling of one study, lowest first', () =>
    withBarriers({}, async (results) => {
      const rows = await published(results, 'attention-heads')
      expect(rows.map(({ method, barrier, stderr }) => [method, barrier, stderr])).toEqual([
        [heads, 3.71, 0.23],
        ['ffn+attention/ignore-heads', 3.97, 0.25],
        ['ffn+attention/monotonic', 4.13, 0.2],
        [identity, 4.31, 0.21],
      ])
      expect(await published(results, 'tasks')).toEqual([])
      expect(await published(results)).toHaveLength(9)
    }))

  it('does not change what the leaderboard shows', () =>
    withBarriers({ vanilla: 4, ffn: 3 }, async (results) => {
      const before = await leaderboard(results)
      await results.query('delete from published')
      expect(await leaderboard(results)).toEqual(before)
      expect(before.map(({ method }) => method)).toEqual(['ffn', 'vanilla'])
    }))
})

describe('comparison', () => {
  it('puts ours beside theirs, with how many differences have the same sign', () =>
    withBarriers({ vanilla: 5, [identity]: 2, 'ffn+attention/monotonic': 1.5, [heads]: 1.75 }, async (results) => {
      const rows = await results.query(
        'select method, barrier, published_barrier, agreeing, compared from comparison order by published_barrier',
      )
      expect(rows).toEqual([
        { method: heads, barrier: 1.75, published_barrier: 3.71, agreeing: 1, compared: 2 },
        { method: 'ffn+attention/monotonic', barrier: 1.5, published_barrier: 4.13, agreeing: 1, compared: 2 },
        { method: identity, barrier: 2, published_barrier: 4.31, agreeing: 2, compared: 2 },
      ])
      const order = await results.query<{ difference: number; published_difference: number; agrees: boolean }>(
        `select * from comparison_order where method = '${heads}' and other_method = 'ffn+attention/monotonic'`,
      )
      expect(order).toHaveLength(1)
      expect(order[0]?.difference).toBe(0.25)
      expect(order[0]?.published_difference).toBeCloseTo(-0.42, 12)
      expect(order[0]?.agrees).toBe(false)
    }))

  it('holds nothing of a study that has no published counterpart', () =>
    withBarriers(
      { [identity]: 2, [heads]: 1 },
      async (results) => expect(await results.query('from comparison')).toEqual([]),
      'quickstart',
    ))

  it('compares a method with none where it is the only one that both have', () =>
    withBarriers({ vanilla: 5, [identity]: 2 }, async (results) => {
      expect(await results.query('select method, agreeing, compared from comparison')).toEqual([
        { method: identity, agreeing: 0, compared: 0 },
      ])
    }))
})
