import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { UserError } from '@isthmus/tensor'
import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type CurvePointRow, type LeaderboardRow, leaderboard, openResults, type Results } from '../src/index.ts'
import { studentTQuantiles } from '../src/student-t.ts'
import { alignmentRow, curve, studyRun } from './sample-rows.ts'

let folder: string
let results: Results

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'isthmus-leaderboard-'))
  results = await openResults(join(folder, 'results.duckdb'))
})

afterAll(async () => {
  await results.close()
  await rm(folder, { recursive: true, force: true })
})

/** Place of a curve: study, variant, method and pair. */
function place(study: string, method: string, a: string, b: string, variant = '') {
  const settings = variant === '' ? {} : { fraction: Number(variant) }
  return { study, variant, settings, method, pair: `${a}|${b}`, modelA: a, modelB: b }
}

const mean = (values: readonly number[]) => values.reduce((sum, value) => sum + value, 0) / values.length

function groupBy<T>(items: readonly T[], key: (item: T) => string): T[][] {
  return [...new Set(items.map(key))].map((group) => items.filter((item) => key(item) === group))
}

interface Pair {
  readonly modelA: string
  readonly modelB: string
  readonly value: number
}

/** Delete one seed at a time, by the definition: half the width of the interval. */
function jackknifeHalfWidth(pairs: readonly Pair[]): number | null {
  const seeds = [...new Set(pairs.flatMap(({ modelA, modelB }) => [modelA, modelB]))]
  const estimates = seeds
    .map((seed) => pairs.filter(({ modelA, modelB }) => modelA !== seed && modelB !== seed))
    .filter((rest) => rest.length > 0)
    .map((rest) => mean(rest.map(({ value }) => value)))
  const g = estimates.length
  if (g < 3) return null
  const squares = estimates.reduce((sum, estimate) => sum + (estimate - mean(estimates)) ** 2, 0)
  return (studentTQuantiles[g - 2] as number) * Math.sqrt(((g - 1) / g) * squares)
}

/** A slow leaderboard of one study, by loops over the points. */
function slowLeaderboard(points: readonly CurvePointRow[]) {
  const curves = groupBy(points, ({ variant, method, pair }) => JSON.stringify([variant, method, pair]))
  const barriers = curves.flatMap((points) => {
    const at = (lam: number) => points.find((point) => point.lam === lam)?.loss
    const [a, b, middle] = [at(1), at(0), at(0.5)]
    if (a === undefined || b === undefined) return []
    const line = points.map(({ lam, loss }) => loss - (lam * a + (1 - lam) * b))
    return [
      {
        ...(points[0] as CurvePointRow),
        value: Math.max(...points.map(({ loss }) => loss)) - (a + b) / 2,
        linear: Math.max(...line),
        midpoint: middle === undefined ? null : middle - (a + b) / 2,
      },
    ]
  })
  return groupBy(barriers, ({ variant, method }) => JSON.stringify([variant, method])).map((group) => {
    const { study, variant, method } = group[0] as CurvePointRow
    const differences = group.flatMap((barrier) => {
      const vanilla = barriers.find(
        (other) => other.method === 'vanilla' && other.variant === variant && other.pair === barrier.pair,
      )
      return vanilla === undefined ? [] : [{ ...barrier, value: barrier.value - vanilla.value }]
    })
    const midpoints = group.flatMap(({ midpoint }) => (midpoint === null ? [] : [midpoint]))
    const n = group.length
    const barrier = mean(group.map(({ value }) => value))
    const half = jackknifeHalfWidth(group)
    const difference = differences.length === 0 ? null : mean(differences.map(({ value }) => value))
    const differenceHalf = jackknifeHalfWidth(differences)
    return {
      study,
      variant,
      method,
      pairs: n,
      models: new Set(group.flatMap(({ modelA, modelB }) => [modelA, modelB])).size,
      barrier,
      barrier_stderr: n < 2 ? null : Math.sqrt(mean(group.map(({ value }) => (value - barrier) ** 2)) / (n - 1)),
      barrier_low: half === null ? null : barrier - half,
      barrier_high: half === null ? null : barrier + half,
      barrier_linear: mean(group.map(({ linear }) => linear)),
      midpoint: midpoints.length === 0 ? null : mean(midpoints),
      difference_to_vanilla: difference,
      difference_low: differenceHalf === null ? null : (difference as number) - differenceHalf,
      difference_high: differenceHalf === null ? null : (difference as number) + differenceHalf,
    }
  })
}

const loss = fc.double({ min: 0.5, max: 12, noNaN: true })
const losses = fc
  .record({
    0: fc.option(loss, { freq: 12 }),
    0.25: fc.option(loss),
    0.5: fc.option(loss),
    1: fc.option(loss, { freq: 12 }),
  })
  .map((byLam) =>
    Object.entries(byLam).flatMap(([lam, value]) => (value === null ? [] : [[Number(lam), value] as const])),
  )
const methods = ['vanilla', 'ffn', 'ffn+attention']

/** The curves of a study over up to seven seeds: each pair, method and variant may lack its curve, or points of it. */
const points = fc
  .record({ seeds: fc.integer({ min: 2, max: 7 }), variants: fc.constantFrom([''], ['0.1', '0.05']) })
  .chain(({ seeds, variants }) => {
    const places = variants.flatMap((variant) =>
      methods.flatMap((method) =>
        Array.from({ length: seeds }, (_, a) =>
          Array.from({ length: a }, (_, b) => place('', method, `seed-${b}`, `seed-${a}`, variant)),
        ).flat(),
      ),
    )
    return fc
      .tuple(...places.map(() => fc.option(losses, { freq: 6 })))
      .map((all) => all.flatMap((losses, index) => (losses === null ? [] : curve(losses, places[index]))))
  })

function expectClose(actual: readonly Record<string, unknown>[], expected: readonly Record<string, unknown>[]) {
  const key = (row: Record<string, unknown>) => `${row.variant} ${row.method}`
  const found = new Map(actual.map((row) => [key(row), row]))
  expect([...found.keys()].sort()).toEqual(expected.map(key).sort())
  for (const row of expected) {
    for (const [column, value] of Object.entries(row)) {
      const other = found.get(key(row))?.[column]
      if (typeof value === 'number' && typeof other === 'number') {
        // Sums of under a hundred losses below 12, times a t quantile of at most 4.3.
        expect(Math.abs(other - value), `${key(row)} ${column}`).toBeLessThan(1e-10)
      } else expect(other, `${key(row)} ${column}`).toEqual(value)
    }
  }
}

describe('leaderboard', () => {
  it('agrees with a slow oracle on random studies with missing pairs and points', async () => {
    let study = 0
    await fc.assert(
      fc.asyncProperty(points, points, async (one, two) => {
        const named = [one, two].map((points) => {
          study += 1
          return points.map((point) => ({ ...point, study: `study-${study}` }))
        })
        const studyRuns = [study - 1, study].map((number) => studyRun({ study: `study-${number}` }))
        await results.ingest({ studyRuns, curvePoints: named.flat() })
        for (const [index, points] of named.entries()) {
          const study = studyRuns[index]?.study as string
          const expected = slowLeaderboard(points)
          expectClose(await leaderboard(results, { study }), expected)
          expectClose(await results.query('from leaderboard where study = ?', [study]), expected)
        }
      }),
      { numRuns: 15 },
    )
  })

  it('is the same to the last bit in whatever order the rows came', async () => {
    const random = randomNumbers(7)
    const pairs = ['1|2', '1|3', '2|3', '1|4', '2|4', '3|4']
    const rows = methods.flatMap((method) =>
      pairs.flatMap((pair) => {
        const [a, b] = pair.split('|') as [string, string]
        return curve(
          [0, 0.1, 0.5, 0.9, 1].map((lam) => [lam, 3 + random()] as const),
          place('order', method, a, b),
        )
      }),
    )
    const boards: LeaderboardRow[][] = []
    for (let shuffle = 0; shuffle < 4; shuffle++) {
      const path = join(folder, `order-${shuffle}.duckdb`)
      const shuffled = rows.map((row) => ({ row, at: random() })).sort((p, q) => p.at - q.at)
      const database = await openResults(path)
      for (const part of [shuffled.slice(0, 200), shuffled.slice(100)]) {
        await database.ingest({ studyRuns: [studyRun({ study: 'order' })], curvePoints: part.map(({ row }) => row) })
      }
      boards.push(await leaderboard(database))
      await database.close()
    }
    expect(boards[0]).toHaveLength(3)
    for (const board of boards) expect(board).toEqual(boards[0])
  })

  it('covers the truth with the interval over seeds, and not with the naive one over pairs', async () => {
    // Pair value = 20 + u_A + u_B + e: five seeds, u of variance 1, e of variance ¼. Each study is one replicate.
    const random = randomNumbers(20)
    const normal = () => Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random())
    const replicates = 400
    const rows = Array.from({ length: replicates }, (_, replicate) => {
      const seeds = Array.from({ length: 5 }, normal)
      return seeds.flatMap((u, a) =>
        seeds.slice(0, a).flatMap((v, b) => {
          const where = { ...place('coverage', 'vanilla', `${b}`, `${a}`), variant: `${replicate}` }
          return curve(
            [
              [0, 0],
              [0.5, 20 + u + v + normal() / 2],
              [1, 0],
            ],
            where,
          )
        }),
      )
    })
    await results.ingest({ studyRuns: [studyRun({ study: 'coverage' })], curvePoints: rows.flat() })
    const board = await leaderboard(results, { study: 'coverage' })
    expect(board).toHaveLength(replicates)
    const tenPairs = studentTQuantiles[8] as number
    const share = (covers: (row: LeaderboardRow) => boolean) => board.filter(covers).length / replicates
    const naive = share((row) => Math.abs(row.barrier - 20) <= tenPairs * (row.barrier_stderr as number))
    const jackknife = share((row) => (row.barrier_low as number) <= 20 && 20 <= (row.barrier_high as number))
    // 95 % ± 3 standard errors of a share of 400 is 0.917 to 0.983; the jackknife of a mean of pairs is conservative.
    expect(jackknife).toBeGreaterThan(0.917)
    expect(naive).toBeLessThan(0.85)
  })

  it('shows the run that started last, whatever was ingested last', async () => {
    const where = place('rerun', 'vanilla', '1', '2')
    const run = (run: string, startedAt: string, middle: number) => ({
      studyRuns: [studyRun({ study: 'rerun', run, startedAt })],
      alignments: [alignmentRow({ ...where, run, symmetry: run === 'new' ? 'broken' : 'kept' })],
      curvePoints: curve(
        [
          [0, 1],
          [run === 'new' ? 0.5 : 0.25, middle],
          [1, 1],
        ],
        { ...where, run },
      ),
    })
    await results.ingest(run('new', '2026-02-02T00:00:00.000Z', 3))
    await results.ingest(run('old', '2026-02-01T00:00:00.000Z', 9))
    const [row] = await leaderboard(results, { study: 'rerun' })
    expect(row).toMatchObject({ barrier: 2, symmetry: 'broken', max_abs_logit_difference: 2e-5 })
    await results.ingest(run('old', '2026-02-03T00:00:00.000Z', 9))
    expect((await leaderboard(results, { study: 'rerun' }))[0]).toMatchObject({ barrier: 8, symmetry: 'kept' })
  })

  it('says what aligning a pair takes, in data and time: the means over pairs', async () => {
    const costs = [
      { pair: ['A', 'B'], learned: { tokens: 100, seconds: 3 }, weights: { tokens: null, seconds: 1 } },
      { pair: ['A', 'C'], learned: { tokens: 300, seconds: 4 }, weights: { tokens: null, seconds: 2 } },
    ] as const
    for (const { pair, ...methods } of costs) {
      for (const [method, cost] of Object.entries(methods)) {
        const where = place('costs', method, pair[0], pair[1])
        await results.ingest({
          studyRuns: [studyRun({ study: 'costs' })],
          alignments: [alignmentRow({ ...where, ...cost })],
          curvePoints: curve(
            [
              [0, 1],
              [1, 1],
            ],
            where,
          ),
        })
      }
    }
    const board = await leaderboard(results, { study: 'costs' })
    expect(board.map(({ method, tokens, seconds }) => [method, tokens, seconds]).sort()).toEqual([
      ['learned', 200, 3.5],
      ['weights', null, 1.5],
    ])
  })

  it('defines the three barriers on unequal endpoints', async () => {
    const where = place('definitions', 'ffn', 'A', 'B')
    const points = curve(
      [
        [0, 4],
        [0.1 + 0.2 + 0.2, 5],
        [0.75, 6],
        [0.25, 6],
        [1, 2],
      ],
      where,
    )
    await results.ingest({ studyRuns: [studyRun({ study: 'definitions' })], curvePoints: points })
    const [row] = await results.query(`from barrier where study = 'definitions'`)
    expect(row).toMatchObject({
      barrier: 3,
      barrier_linear: 6 - (0.75 * 2 + 0.25 * 4),
      midpoint: 2,
      loss_a: 2,
      loss_b: 4,
      points: 5,
      lam_max: 0.25,
      difference_to_vanilla: null,
      symmetry: null,
    })
  })

  it('keeps a method whose loss is not a number, in the last place', async () => {
    const rows = [Number.NaN, 5, Number.POSITIVE_INFINITY].flatMap((middle, index) =>
      ['1|2', '1|3', '2|3'].flatMap((pair) => {
        const [a, b] = pair.split('|') as [string, string]
        return curve(
          [
            [0, 1],
            [0.5, middle],
            [1, 1],
          ],
          place('diverged', methods[index] as string, a, b),
        )
      }),
    )
    await results.ingest({ studyRuns: [studyRun({ study: 'diverged' })], curvePoints: rows })
    const board = await leaderboard(results, { study: 'diverged' })
    expect(board.map(({ method, barrier }) => [method, barrier])).toEqual([
      ['ffn', 4],
      ['ffn+attention', Number.POSITIVE_INFINITY],
      ['vanilla', Number.NaN],
    ])
  })

  it('groups by a swept setting, in the order of its numbers, and pools what is not told apart', async () => {
    const rows = ['0.5', '0.05', '0.1'].flatMap((variant) =>
      ['1|2', '1|3', '2|3'].flatMap((pair) => {
        const [a, b] = pair.split('|') as [string, string]
        return curve(
          [
            [0, 1],
            [0.5, 1 + Number(variant)],
            [1, 1],
          ],
          place('sweep', 'vanilla', a, b, variant),
        )
      }),
    )
    await results.ingest({ studyRuns: [studyRun({ study: 'sweep' })], curvePoints: rows })
    const bySetting = await leaderboard(results, { study: 'sweep', by: ['method', 'fraction'] })
    expect(bySetting.map(({ method, fraction, pairs }) => [method, fraction, pairs])).toEqual([
      ['vanilla', '0.05', 3],
      ['vanilla', '0.1', 3],
      ['vanilla', '0.5', 3],
    ])
    const [pooled, ...others] = await leaderboard(results, { study: 'sweep', by: ['method'] })
    expect(others).toEqual([])
    expect(pooled?.barrier).toBeCloseTo(0.65 / 3, 12)
    expect(pooled?.pairs).toBe(3)
    await expect(leaderboard(results, { by: ['pair'] })).rejects.toThrow(
      new UserError(
        'The leaderboard cannot be grouped by "pair": give one or more of study, variant, method, fraction',
      ),
    )
  })

  it('names the studies there are when asked for another', async () => {
    await results.ingest({ studyRuns: [studyRun({ study: 'aaa' })] })
    await expect(leaderboard(results, { study: 'attention' })).rejects.toThrow(
      /^No results of a study "attention"; there are aaa, .*: run it first, isthmus run attention$/,
    )
  })

  it('answers the README’s query, and says in the database what each column is', async () => {
    const rows = await results.query(
      `select method, avg(barrier) from leaderboard where study = 'sweep' group by all order by 2`,
    )
    expect(rows).toEqual([{ method: 'vanilla', 'avg(barrier)': expect.closeTo(0.65 / 3, 12) }])
    const comments = await results.query<{ comment: string }>(
      `select comment from duckdb_columns() where table_name = 'leaderboard' and column_name = 'barrier_low'`,
    )
    expect(comments[0]?.comment).toMatch(/95 % interval of barrier by jackknife over seeds/)
  })
})

/** Uniform numbers in [0, 1) from a seed: mulberry32. */
function randomNumbers(seed: number): () => number {
  let state = seed
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let t = Math.imul(state ^ (state >>> 15), 1 | state)
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296
  }
}
