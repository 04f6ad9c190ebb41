import { dirname, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { builtDashboard } from '@isthmus/dashboard'
import { startServer } from '@isthmus/server'
import { pino } from 'pino'
import packageJson from '../../package.json' with { type: 'json' }
import { isthmusHome } from '../home.ts'
import { openStorage } from '../open-storage.ts'
import { parsePort } from '../option-values.ts'

/** The options of `isthmus serve`. */
export interface ServeOptions {
  readonly host: string
  readonly port: string
  /** A bucket for blobs, instead of the home folder’s cache. */
  readonly blobs?: string
  /** Whether machines may use the bucket by themselves. */
  readonly directBlobs: boolean
  /** Of the log: debug writes a line of every request. */
  readonly logLevel: string
}

/** `isthmus serve`: a team’s results, shared cache and page, until told to stop. */
export async function serveCommand({ host, port, blobs, directBlobs, logLevel }: ServeOptions): Promise<void> {
  const { directory } = isthmusHome()
  const page = await builtDashboard()
  const storage = blobs === undefined ? undefined : await openStorage(blobs)
  const log = pino({ level: logLevel, base: {} }, pino.destination(2))
  const server = await startServer({
    ...{ home: directory, version: packageJson.version, log, host, port: parsePort('--port', port), page },
    queries: { workerModule: resolve(dirname(fileURLToPath(import.meta.url)), 'query.mjs') },
    ...(storage === undefined ? {} : { storage, directBlobs }),
  })
  process.stdout.write(
    `${server.url} serves ${directory}${storage === undefined ? '' : `, with blobs in ${storage.name}`}${server.isOpen ? ', to this machine, without tokens' : ', to those who have a token'}\n`,
  )
  await new Promise<void>((stop) => {
    process.once('SIGINT', stop)
    process.once('SIGTERM', stop)
  })
  process.stderr.write('stopping\n')
  await server.stop()
}
