import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { builtDashboard } from '@isthmus/dashboard'
import { openResults, type ResultRows, resultsPath } from '@isthmus/results'
import { testProgram } from '@isthmus/results/test-program'
import { type RunningServer, startServer } from '@isthmus/server'
import pino from 'pino'

/** A server with a home folder of its own, and the page. */
export interface Lab extends RunningServer {
  readonly home: string
}

/** Serve results, with the page, until it is stopped; its folder then goes.
 *
 *  @param fill Puts what is served into the home folder.
 */
export async function startLab(fill: (home: string) => Promise<void>): Promise<Lab> {
  const home = await mkdtemp(join(tmpdir(), 'isthmus-lab-'))
  await fill(home)
  const server = await startServer({
    home,
    port: 0,
    page: await builtDashboard(),
    version: '0.1.0',
    log: pino({ level: 'silent' }),
    queries: { workerModule: testProgram('answer-queries') },
  })
  return {
    ...server,
    home,
    async stop() {
      await server.stop()
      await rm(home, { recursive: true, force: true })
    },
  }
}

/** Fill a home folder with rows. */
export function withRows(bundles: readonly ResultRows[]): (home: string) => Promise<void> {
  return async (home) => {
    const results = await openResults(resultsPath(home))
    for (const rows of bundles) await results.ingest(rows)
    await results.close()
  }
}
