import { join } from 'node:path'
import { expect, it } from 'vitest'
import { evaluationUse, openResults } from '../src/index.ts'
import { inTemporaryFolder, oneOfEach, studyRun } from './sample-rows.ts'

it('sums over the curves of a study’s current run, by study and precision', () =>
  inTemporaryFolder(async (folder) => {
    const results = await openResults(join(folder, 'results.duckdb'))
    expect(await evaluationUse(results)).toEqual([])
    const [estimate] = oneOfEach.estimates
    const later = { startedAt: '2026-02-01T12:00:00.000Z' }
    await results.ingest({
      studyRuns: [studyRun(), studyRun({ run: 'run-2', ...later }), studyRun({ study: 'tasks' })],
      estimates: [
        estimate!,
        { ...estimate!, run: 'run-2' },
        { ...estimate!, run: 'run-2', method: 'ffn', low: 1, high: 1.25, tokens: 50_000 },
        { ...estimate!, run: 'run-2', variant: 'b', precision: 0.5 },
        { ...estimate!, study: 'tasks' },
      ],
    })
    const common = { confidence: 0.95, curves: 1, tokens: 100_000, tokens_in_all: 187_008 }
    const [narrow, wide, tasks] = await evaluationUse(results)
    expect(narrow).toEqual({
      ...{ study: 'heads', precision: 0.02, confidence: 0.95, curves: 2, widest: 0.25 },
      ...{ tokens: 150_000, tokens_in_all: 374_016 },
    })
    expect(wide).toMatchObject({ ...common, study: 'heads', precision: 0.5 })
    expect(tasks).toMatchObject({ ...common, study: 'tasks', precision: 0.02 })
    expect(await evaluationUse(results, 'tasks')).toEqual([tasks])
    await results.close()
  }))
