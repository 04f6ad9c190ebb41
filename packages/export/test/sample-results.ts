import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { openResults, type Results } from '@isthmus/results'
import { onTestFinished } from 'vitest'

/** An empty folder that is removed when the test has finished. */
export function temporaryFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'isthmus-export-'))
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }))
  return folder
}

export const lambdas = [0, 0.25, 0.5, 0.75, 1]
export const losses = [3.5, 5, 7.5, Number.POSITIVE_INFINITY, 3.7]

/** Results of two studies: one with two methods, and one with a name that needs quoting and is not finished. */
export async function sampleResults(): Promise<Results> {
  const results = await openResults(join(temporaryFolder(), 'results.duckdb'))
  onTestFinished(() => results.close())
  const settings = [0.1, 1].map((fraction) => ({ alignment: { fraction }, seeds: [1, 2] }))
  const swept = { alignment: { fraction: 1 } }
  const run = (study: string, finishedAt: string | null) => ({
    ...{ study, run: 'r', startedAt: '2026-01-01T00:00:00.000Z', finishedAt, settings, nodesRan: 1, nodesCached: 0 },
    ...{ nodesFailed: 0, seconds: null, version: '0.1.0' },
  })
  const curve = (study: string, method: string) =>
    lambdas.map((lam, i) => ({
      ...{
        study,
        run: 'r',
        variant: 'v',
        settings: swept,
        pair: 'seed-1|seed-2',
        modelA: 'seed-1',
        modelB: 'seed-2',
        method,
      },
      ...{ lam, loss: losses[i]!, perplexity: Math.exp(losses[i]!), positions: 100, digest: 'd' },
    }))
  await results.ingest({
    studyRuns: [
      { ...run('demo', null), startedAt: '2025-12-31T00:00:00.000Z' },
      run('demo', '2026-01-01T00:01:00.000Z'),
      run("it's going on", null),
    ],
    curvePoints: [...curve('demo', 'vanilla'), ...curve('demo', 'ffn'), ...curve("it's going on", 'vanilla')],
  })
  return results
}
