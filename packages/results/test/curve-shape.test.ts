import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { openResults, type ScoreRow } from '../src/index.ts'
import { curve, curvePoint, inTemporaryFolder, studyRun } from './sample-rows.ts'

interface Shape {
  readonly pair: string
  readonly maxima: number
  readonly minima: number
  readonly is_m_shaped: boolean
  readonly m_depth: number | null
  readonly dip: number
  readonly lam_dip: number | null
}

/** The shapes of curves over evenly spaced λ, in the order of the curves. */
async function shapesOf(losses: readonly (readonly number[])[]): Promise<Shape[]> {
  let shapes: Shape[] = []
  await inTemporaryFolder(async (folder) => {
    const results = await openResults(`${folder}/results.duckdb`)
    const curvePoints = losses.flatMap((own, index) =>
      curve(
        own.map((loss, i) => [i / (own.length - 1), loss] as const),
        { pair: String(index).padStart(4, '0') },
      ),
    )
    await results.ingest({ studyRuns: [studyRun()], curvePoints })
    shapes = await results.query<Shape>(
      'select pair, maxima, minima, is_m_shaped, m_depth, dip, lam_dip from curve_shape order by pair',
    )
    await results.close()
  })
  return shapes
}

/** The same by loops over the points. */
function slowShape(losses: readonly number[]): Omit<Shape, 'pair'> {
  const turns = losses.filter((loss, i) => i === 0 || loss !== losses[i - 1])
  const inside = turns.map((loss, i) => ({ loss, i })).slice(1, -1)
  const maxima = inside.filter(({ loss, i }) => loss > turns[i - 1]! && loss > turns[i + 1]!)
  const minima = inside.filter(({ loss, i }) => loss < turns[i - 1]! && loss < turns[i + 1]!)
  const depths = minima.flatMap(({ loss, i }) => {
    const [left, right] = [maxima.filter((one) => one.i < i), maxima.filter((one) => one.i > i)]
    if (left.length === 0 || right.length === 0) return []
    const [a, b] = [left, right].map((side) => Math.max(...side.map((one) => one.loss)))
    return [Math.min(a!, b!) - loss]
  })
  const parent = Math.min(losses[0]!, losses.at(-1)!)
  const lowest = Math.min(...losses.slice(1, -1))
  return {
    maxima: maxima.length,
    minima: minima.length,
    is_m_shaped: depths.length > 0,
    m_depth: depths.length > 0 ? Math.max(...depths) : null,
    dip: Math.max(0, parent - lowest),
    lam_dip: lowest < parent ? losses.indexOf(lowest) / (losses.length - 1) : null,
  }
}

describe('curve_shape', () => {
  it('finds an M, a dip, a hill, a plateau and a slope', async () => {
    const shapes = await shapesOf([
      [1, 3, 2, 4, 1],
      [2, 1.5, 3, 1.75, 2],
      [1, 2, 3, 2, 1],
      [1, 2, 2, 2, 1],
      [1, 1, 1.5, 2, 2],
    ])
    const shape = (fields: Partial<Shape>) => ({
      ...{ maxima: 1, minima: 0, is_m_shaped: false, m_depth: null, dip: 0, lam_dip: null },
      ...fields,
    })
    expect(shapes.map(({ pair, ...rest }) => rest)).toEqual([
      shape({ maxima: 2, minima: 1, is_m_shaped: true, m_depth: 1 }),
      shape({ minima: 2, dip: 0.5, lam_dip: 0.25 }),
      shape({}),
      shape({}),
      shape({ maxima: 0 }),
    ])
  })

  it('is what loops over the points find', async () => {
    const curves = fc.array(fc.array(fc.integer({ min: 0, max: 5 }), { minLength: 3, maxLength: 9 }), {
      minLength: 20,
      maxLength: 60,
    })
    await fc.assert(
      fc.asyncProperty(curves, async (losses) => {
        const shapes = await shapesOf(losses)
        expect(shapes.map(({ pair, ...rest }) => rest)).toEqual(losses.map(slowShape))
      }),
      { numRuns: 3 },
    )
  })

  it('leaves out curves without both ends, and those of older runs', async () => {
    await inTemporaryFolder(async (folder) => {
      const results = await openResults(`${folder}/results.duckdb`)
      const points = [
        ...curve([
          [0, 1],
          [0.5, 2],
        ]),
        ...curve(
          [
            [0, 1],
            [0.5, 2],
            [1, 1],
          ],
          { run: 'run-0', pair: 'old|pair' },
        ),
      ]
      const runs = [studyRun(), studyRun({ run: 'run-0', startedAt: '2026-01-01T00:00:00.000Z' })]
      await results.ingest({ studyRuns: runs, curvePoints: points })
      expect(await results.query('select * from curve_shape')).toEqual([])
      await results.close()
    })
  })
})

describe('task_score', () => {
  it('says where a metric is lowest, and where it is above both parents', async () => {
    const scores = (values: readonly number[], metric: string): ScoreRow[] =>
      values.map((value, i) => {
        const { loss, perplexity, positions, digest, ...place } = curvePoint({ lam: i / (values.length - 1) })
        return { ...place, task: 'genre', metric, value }
      })
    await inTemporaryFolder(async (folder) => {
      const results = await openResults(`${folder}/results.duckdb`)
      await results.ingest({
        studyRuns: [studyRun()],
        scores: [...scores([0.5, 0.875, 0.25, 0.875, 0.75], 'accuracy'), ...scores([0.5, 0.25, 0.75], 'f1')],
      })
      const rows = await results.query(
        'select metric, value_a, value_b, middle, lowest, lam_lowest, gain, lam_gain from task_score order by metric',
      )
      expect(rows.map((row) => Object.values(row))).toEqual([
        ['accuracy', 0.75, 0.5, 0.25, 0.25, 0.5, 0.125, 0.25],
        ['f1', 0.75, 0.5, 0.25, 0.25, 0.5, 0, null],
      ])
      await results.close()
    })
  })
})
