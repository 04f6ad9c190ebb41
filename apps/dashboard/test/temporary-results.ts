import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { openResults, type Results } from '@isthmus/results'

/** Results in a folder of their own. */
export interface TemporaryResults {
  readonly results: Results
  close(): Promise<void>
}

/** Open empty results, which go when they are closed. */
export async function temporaryResults(): Promise<TemporaryResults> {
  const folder = await mkdtemp(join(tmpdir(), 'isthmus-results-'))
  const results = await openResults(join(folder, 'results.duckdb'))
  return {
    results,
    async close() {
      await results.close()
      await rm(folder, { recursive: true, force: true })
    },
  }
}
